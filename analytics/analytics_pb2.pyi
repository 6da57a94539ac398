import datetime

from analytics import freshness_pb2 as _freshness_pb2
from analytics import insights_pb2 as _insights_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetUserAnalyticsRequest(_message.Message):
    __slots__ = ("user_id",)
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    def __init__(self, user_id: _Optional[str] = ...) -> None: ...

class GetUserAnalyticsResponse(_message.Message):
    __slots__ = ("total_workflows", "total_jobs", "total_joblogs", "total_job_execution_duration", "freshness", "cache_max_age")
    TOTAL_WORKFLOWS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_JOBS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_JOBLOGS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_JOB_EXECUTION_DURATION_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    CACHE_MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    total_workflows: int
    total_jobs: int
    total_joblogs: int
    total_job_execution_duration: int
    freshness: _freshness_pb2.Freshness
    cache_max_age: _duration_pb2.Duration
    def __init__(self, total_workflows: _Optional[int] = ..., total_jobs: _Optional[int] = ..., total_joblogs: _Optional[int] = ..., total_job_execution_duration: _Optional[int] = ..., freshness: _Optional[_Union[_freshness_pb2.Freshness, _Mapping]] = ..., cache_max_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class GetWorkflowAnalyticsRequest(_message.Message):
    __slots__ = ("user_id", "workflow_id")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    workflow_id: str
    def __init__(self, user_id: _Optional[str] = ..., workflow_id: _Optional[str] = ...) -> None: ...

class GetWorkflowAnalyticsResponse(_message.Message):
    __slots__ = ("workflow_id", "total_job_execution_duration", "total_jobs", "total_joblogs", "freshness", "cache_max_age")
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    TOTAL_JOB_EXECUTION_DURATION_FIELD_NUMBER: _ClassVar[int]
    TOTAL_JOBS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_JOBLOGS_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    CACHE_MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    workflow_id: str
    total_job_execution_duration: int
    total_jobs: int
    total_joblogs: int
    freshness: _freshness_pb2.Freshness
    cache_max_age: _duration_pb2.Duration
    def __init__(self, workflow_id: _Optional[str] = ..., total_job_execution_duration: _Optional[int] = ..., total_jobs: _Optional[int] = ..., total_joblogs: _Optional[int] = ..., freshness: _Optional[_Union[_freshness_pb2.Freshness, _Mapping]] = ..., cache_max_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
