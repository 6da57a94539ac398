import datetime

from analytics import freshness_pb2 as _freshness_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WorkflowState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WORKFLOW_STATE_UNSPECIFIED: _ClassVar[WorkflowState]
    WORKFLOW_STATE_ACTIVE: _ClassVar[WorkflowState]
    WORKFLOW_STATE_TERMINATED: _ClassVar[WorkflowState]
    WORKFLOW_STATE_DELETED: _ClassVar[WorkflowState]

class Comparison(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPARISON_UNSPECIFIED: _ClassVar[Comparison]
    COMPARISON_PREVIOUS_PERIOD: _ClassVar[Comparison]
    COMPARISON_YEAR_AGO: _ClassVar[Comparison]

class Interval(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INTERVAL_UNSPECIFIED: _ClassVar[Interval]
    INTERVAL_HOUR: _ClassVar[Interval]
    INTERVAL_DAY: _ClassVar[Interval]
    INTERVAL_WEEK: _ClassVar[Interval]
    INTERVAL_MONTH: _ClassVar[Interval]

class GroupBy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GROUP_BY_UNSPECIFIED: _ClassVar[GroupBy]
    GROUP_BY_WORKFLOW: _ClassVar[GroupBy]
    GROUP_BY_KIND: _ClassVar[GroupBy]
    GROUP_BY_RESULT: _ClassVar[GroupBy]
    GROUP_BY_FAILURE_KIND: _ClassVar[GroupBy]
    GROUP_BY_ERROR_CODE: _ClassVar[GroupBy]

class AnomalyMeasure(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANOMALY_MEASURE_UNSPECIFIED: _ClassVar[AnomalyMeasure]
    ANOMALY_MEASURE_FAILED_JOBS: _ClassVar[AnomalyMeasure]
    ANOMALY_MEASURE_MEDIAN_DURATION: _ClassVar[AnomalyMeasure]
    ANOMALY_MEASURE_JOBS: _ClassVar[AnomalyMeasure]
    ANOMALY_MEASURE_LOG_LINES: _ClassVar[AnomalyMeasure]
WORKFLOW_STATE_UNSPECIFIED: WorkflowState
WORKFLOW_STATE_ACTIVE: WorkflowState
WORKFLOW_STATE_TERMINATED: WorkflowState
WORKFLOW_STATE_DELETED: WorkflowState
COMPARISON_UNSPECIFIED: Comparison
COMPARISON_PREVIOUS_PERIOD: Comparison
COMPARISON_YEAR_AGO: Comparison
INTERVAL_UNSPECIFIED: Interval
INTERVAL_HOUR: Interval
INTERVAL_DAY: Interval
INTERVAL_WEEK: Interval
INTERVAL_MONTH: Interval
GROUP_BY_UNSPECIFIED: GroupBy
GROUP_BY_WORKFLOW: GroupBy
GROUP_BY_KIND: GroupBy
GROUP_BY_RESULT: GroupBy
GROUP_BY_FAILURE_KIND: GroupBy
GROUP_BY_ERROR_CODE: GroupBy
ANOMALY_MEASURE_UNSPECIFIED: AnomalyMeasure
ANOMALY_MEASURE_FAILED_JOBS: AnomalyMeasure
ANOMALY_MEASURE_MEDIAN_DURATION: AnomalyMeasure
ANOMALY_MEASURE_JOBS: AnomalyMeasure
ANOMALY_MEASURE_LOG_LINES: AnomalyMeasure

class TimeRange(_message.Message):
    __slots__ = ("start_time", "end_time")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WorkflowFilter(_message.Message):
    __slots__ = ("workflow_ids", "kinds", "states")
    WORKFLOW_IDS_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    workflow_ids: _containers.RepeatedScalarFieldContainer[str]
    kinds: _containers.RepeatedScalarFieldContainer[str]
    states: _containers.RepeatedScalarFieldContainer[WorkflowState]
    def __init__(self, workflow_ids: _Optional[_Iterable[str]] = ..., kinds: _Optional[_Iterable[str]] = ..., states: _Optional[_Iterable[_Union[WorkflowState, str]]] = ...) -> None: ...

class JobNumbers(_message.Message):
    __slots__ = ("finished", "completed", "failed", "success_ratio")
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_RATIO_FIELD_NUMBER: _ClassVar[int]
    finished: int
    completed: int
    failed: int
    success_ratio: float
    def __init__(self, finished: _Optional[int] = ..., completed: _Optional[int] = ..., failed: _Optional[int] = ..., success_ratio: _Optional[float] = ...) -> None: ...

class FailureCount(_message.Message):
    __slots__ = ("failure_kind", "error_code", "jobs")
    FAILURE_KIND_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    failure_kind: str
    error_code: str
    jobs: int
    def __init__(self, failure_kind: _Optional[str] = ..., error_code: _Optional[str] = ..., jobs: _Optional[int] = ...) -> None: ...

class Percentile(_message.Message):
    __slots__ = ("rank", "value")
    RANK_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    rank: float
    value: _duration_pb2.Duration
    def __init__(self, rank: _Optional[float] = ..., value: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class DurationNumbers(_message.Message):
    __slots__ = ("count", "total_seconds", "average", "minimum", "maximum", "percentiles")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    PERCENTILES_FIELD_NUMBER: _ClassVar[int]
    count: int
    total_seconds: int
    average: _duration_pb2.Duration
    minimum: _duration_pb2.Duration
    maximum: _duration_pb2.Duration
    percentiles: _containers.RepeatedCompositeFieldContainer[Percentile]
    def __init__(self, count: _Optional[int] = ..., total_seconds: _Optional[int] = ..., average: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., minimum: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., maximum: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., percentiles: _Optional[_Iterable[_Union[Percentile, _Mapping]]] = ...) -> None: ...

class DurationsByResult(_message.Message):
    __slots__ = ("completed", "failed")
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    completed: DurationNumbers
    failed: DurationNumbers
    def __init__(self, completed: _Optional[_Union[DurationNumbers, _Mapping]] = ..., failed: _Optional[_Union[DurationNumbers, _Mapping]] = ...) -> None: ...

class DurationPrecision(_message.Message):
    __slots__ = ("resolution", "percentile_relative_error")
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_RELATIVE_ERROR_FIELD_NUMBER: _ClassVar[int]
    resolution: _duration_pb2.Duration
    percentile_relative_error: float
    def __init__(self, resolution: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., percentile_relative_error: _Optional[float] = ...) -> None: ...

class LogNumbers(_message.Message):
    __slots__ = ("lines", "bytes", "stderr_lines", "stderr_bytes", "stderr_ratio", "lines_per_job")
    LINES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    STDERR_LINES_FIELD_NUMBER: _ClassVar[int]
    STDERR_BYTES_FIELD_NUMBER: _ClassVar[int]
    STDERR_RATIO_FIELD_NUMBER: _ClassVar[int]
    LINES_PER_JOB_FIELD_NUMBER: _ClassVar[int]
    lines: int
    bytes: int
    stderr_lines: int
    stderr_bytes: int
    stderr_ratio: float
    lines_per_job: float
    def __init__(self, lines: _Optional[int] = ..., bytes: _Optional[int] = ..., stderr_lines: _Optional[int] = ..., stderr_bytes: _Optional[int] = ..., stderr_ratio: _Optional[float] = ..., lines_per_job: _Optional[float] = ...) -> None: ...

class Numbers(_message.Message):
    __slots__ = ("jobs", "durations", "logs", "new_workflows", "utilization")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    DURATIONS_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    NEW_WORKFLOWS_FIELD_NUMBER: _ClassVar[int]
    UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    jobs: JobNumbers
    durations: DurationNumbers
    logs: LogNumbers
    new_workflows: int
    utilization: float
    def __init__(self, jobs: _Optional[_Union[JobNumbers, _Mapping]] = ..., durations: _Optional[_Union[DurationNumbers, _Mapping]] = ..., logs: _Optional[_Union[LogNumbers, _Mapping]] = ..., new_workflows: _Optional[int] = ..., utilization: _Optional[float] = ...) -> None: ...

class WorkflowCounts(_message.Message):
    __slots__ = ("total", "active", "terminated", "deleted", "terminated_in_range", "deleted_in_range")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    TERMINATED_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    TERMINATED_IN_RANGE_FIELD_NUMBER: _ClassVar[int]
    DELETED_IN_RANGE_FIELD_NUMBER: _ClassVar[int]
    total: int
    active: int
    terminated: int
    deleted: int
    terminated_in_range: int
    deleted_in_range: int
    def __init__(self, total: _Optional[int] = ..., active: _Optional[int] = ..., terminated: _Optional[int] = ..., deleted: _Optional[int] = ..., terminated_in_range: _Optional[int] = ..., deleted_in_range: _Optional[int] = ...) -> None: ...

class Unavailable(_message.Message):
    __slots__ = ("field", "reason")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    field: str
    reason: str
    def __init__(self, field: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CostRates(_message.Message):
    __slots__ = ("currency_code", "per_execution_hour", "per_job", "per_million_log_lines", "per_log_gibibyte")
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    PER_EXECUTION_HOUR_FIELD_NUMBER: _ClassVar[int]
    PER_JOB_FIELD_NUMBER: _ClassVar[int]
    PER_MILLION_LOG_LINES_FIELD_NUMBER: _ClassVar[int]
    PER_LOG_GIBIBYTE_FIELD_NUMBER: _ClassVar[int]
    currency_code: str
    per_execution_hour: str
    per_job: str
    per_million_log_lines: str
    per_log_gibibyte: str
    def __init__(self, currency_code: _Optional[str] = ..., per_execution_hour: _Optional[str] = ..., per_job: _Optional[str] = ..., per_million_log_lines: _Optional[str] = ..., per_log_gibibyte: _Optional[str] = ...) -> None: ...

class Cost(_message.Message):
    __slots__ = ("currency_code", "total", "execution", "jobs", "logs")
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    currency_code: str
    total: str
    execution: str
    jobs: str
    logs: str
    def __init__(self, currency_code: _Optional[str] = ..., total: _Optional[str] = ..., execution: _Optional[str] = ..., jobs: _Optional[str] = ..., logs: _Optional[str] = ...) -> None: ...

class Summary(_message.Message):
    __slots__ = ("range", "numbers", "failures", "durations_by_result", "workflows", "cost")
    RANGE_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    DURATIONS_BY_RESULT_FIELD_NUMBER: _ClassVar[int]
    WORKFLOWS_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    range: TimeRange
    numbers: Numbers
    failures: _containers.RepeatedCompositeFieldContainer[FailureCount]
    durations_by_result: DurationsByResult
    workflows: WorkflowCounts
    cost: Cost
    def __init__(self, range: _Optional[_Union[TimeRange, _Mapping]] = ..., numbers: _Optional[_Union[Numbers, _Mapping]] = ..., failures: _Optional[_Iterable[_Union[FailureCount, _Mapping]]] = ..., durations_by_result: _Optional[_Union[DurationsByResult, _Mapping]] = ..., workflows: _Optional[_Union[WorkflowCounts, _Mapping]] = ..., cost: _Optional[_Union[Cost, _Mapping]] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("number", "before", "now", "difference", "ratio")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    RATIO_FIELD_NUMBER: _ClassVar[int]
    number: str
    before: float
    now: float
    difference: float
    ratio: float
    def __init__(self, number: _Optional[str] = ..., before: _Optional[float] = ..., now: _Optional[float] = ..., difference: _Optional[float] = ..., ratio: _Optional[float] = ...) -> None: ...

class GetAnalyticsSummaryRequest(_message.Message):
    __slots__ = ("user_id", "range", "filter", "percentile_ranks", "comparison", "time_zone", "rates")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_RANKS_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    RATES_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    range: TimeRange
    filter: WorkflowFilter
    percentile_ranks: _containers.RepeatedScalarFieldContainer[float]
    comparison: Comparison
    time_zone: str
    rates: CostRates
    def __init__(self, user_id: _Optional[str] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., filter: _Optional[_Union[WorkflowFilter, _Mapping]] = ..., percentile_ranks: _Optional[_Iterable[float]] = ..., comparison: _Optional[_Union[Comparison, str]] = ..., time_zone: _Optional[str] = ..., rates: _Optional[_Union[CostRates, _Mapping]] = ...) -> None: ...

class GetAnalyticsSummaryResponse(_message.Message):
    __slots__ = ("summary", "compared_with", "changes", "unavailable", "duration_precision", "freshness", "cache_max_age")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    COMPARED_WITH_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    UNAVAILABLE_FIELD_NUMBER: _ClassVar[int]
    DURATION_PRECISION_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    CACHE_MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    summary: Summary
    compared_with: Summary
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    unavailable: _containers.RepeatedCompositeFieldContainer[Unavailable]
    duration_precision: DurationPrecision
    freshness: _freshness_pb2.Freshness
    cache_max_age: _duration_pb2.Duration
    def __init__(self, summary: _Optional[_Union[Summary, _Mapping]] = ..., compared_with: _Optional[_Union[Summary, _Mapping]] = ..., changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ..., unavailable: _Optional[_Iterable[_Union[Unavailable, _Mapping]]] = ..., duration_precision: _Optional[_Union[DurationPrecision, _Mapping]] = ..., freshness: _Optional[_Union[_freshness_pb2.Freshness, _Mapping]] = ..., cache_max_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class QueryTimeSeriesRequest(_message.Message):
    __slots__ = ("user_id", "range", "filter", "interval", "time_zone", "group_by", "percentile_ranks", "complete_buckets_only")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_RANKS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_BUCKETS_ONLY_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    range: TimeRange
    filter: WorkflowFilter
    interval: Interval
    time_zone: str
    group_by: GroupBy
    percentile_ranks: _containers.RepeatedScalarFieldContainer[float]
    complete_buckets_only: bool
    def __init__(self, user_id: _Optional[str] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., filter: _Optional[_Union[WorkflowFilter, _Mapping]] = ..., interval: _Optional[_Union[Interval, str]] = ..., time_zone: _Optional[str] = ..., group_by: _Optional[_Union[GroupBy, str]] = ..., percentile_ranks: _Optional[_Iterable[float]] = ..., complete_buckets_only: _Optional[bool] = ...) -> None: ...

class Bucket(_message.Message):
    __slots__ = ("range", "label", "numbers", "cut", "in_progress")
    RANGE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    IN_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    range: TimeRange
    label: str
    numbers: Numbers
    cut: bool
    in_progress: bool
    def __init__(self, range: _Optional[_Union[TimeRange, _Mapping]] = ..., label: _Optional[str] = ..., numbers: _Optional[_Union[Numbers, _Mapping]] = ..., cut: _Optional[bool] = ..., in_progress: _Optional[bool] = ...) -> None: ...

class Series(_message.Message):
    __slots__ = ("group", "buckets")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    group: str
    buckets: _containers.RepeatedCompositeFieldContainer[Bucket]
    def __init__(self, group: _Optional[str] = ..., buckets: _Optional[_Iterable[_Union[Bucket, _Mapping]]] = ...) -> None: ...

class QueryTimeSeriesResponse(_message.Message):
    __slots__ = ("series", "unavailable", "duration_precision", "freshness", "cache_max_age")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    UNAVAILABLE_FIELD_NUMBER: _ClassVar[int]
    DURATION_PRECISION_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    CACHE_MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    series: _containers.RepeatedCompositeFieldContainer[Series]
    unavailable: _containers.RepeatedCompositeFieldContainer[Unavailable]
    duration_precision: DurationPrecision
    freshness: _freshness_pb2.Freshness
    cache_max_age: _duration_pb2.Duration
    def __init__(self, series: _Optional[_Iterable[_Union[Series, _Mapping]]] = ..., unavailable: _Optional[_Iterable[_Union[Unavailable, _Mapping]]] = ..., duration_precision: _Optional[_Union[DurationPrecision, _Mapping]] = ..., freshness: _Optional[_Union[_freshness_pb2.Freshness, _Mapping]] = ..., cache_max_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ListWorkflowAnalyticsRequest(_message.Message):
    __slots__ = ("user_id", "range", "filter", "order_by", "percentile_ranks", "page_size", "page_token")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_RANKS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    range: TimeRange
    filter: WorkflowFilter
    order_by: str
    percentile_ranks: _containers.RepeatedScalarFieldContainer[float]
    page_size: int
    page_token: str
    def __init__(self, user_id: _Optional[str] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., filter: _Optional[_Union[WorkflowFilter, _Mapping]] = ..., order_by: _Optional[str] = ..., percentile_ranks: _Optional[_Iterable[float]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class WorkflowRow(_message.Message):
    __slots__ = ("workflow_id", "kind", "state", "create_time", "numbers")
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    workflow_id: str
    kind: str
    state: WorkflowState
    create_time: _timestamp_pb2.Timestamp
    numbers: Numbers
    def __init__(self, workflow_id: _Optional[str] = ..., kind: _Optional[str] = ..., state: _Optional[_Union[WorkflowState, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., numbers: _Optional[_Union[Numbers, _Mapping]] = ...) -> None: ...

class ListWorkflowAnalyticsResponse(_message.Message):
    __slots__ = ("workflows", "next_page_token", "total_size", "range", "duration_precision", "freshness", "cache_max_age")
    WORKFLOWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    DURATION_PRECISION_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    CACHE_MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    workflows: _containers.RepeatedCompositeFieldContainer[WorkflowRow]
    next_page_token: str
    total_size: int
    range: TimeRange
    duration_precision: DurationPrecision
    freshness: _freshness_pb2.Freshness
    cache_max_age: _duration_pb2.Duration
    def __init__(self, workflows: _Optional[_Iterable[_Union[WorkflowRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., duration_precision: _Optional[_Union[DurationPrecision, _Mapping]] = ..., freshness: _Optional[_Union[_freshness_pb2.Freshness, _Mapping]] = ..., cache_max_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchAnalyticsRequest(_message.Message):
    __slots__ = ("summary", "min_interval", "heartbeat_interval")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    MIN_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    summary: GetAnalyticsSummaryRequest
    min_interval: _duration_pb2.Duration
    heartbeat_interval: _duration_pb2.Duration
    def __init__(self, summary: _Optional[_Union[GetAnalyticsSummaryRequest, _Mapping]] = ..., min_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., heartbeat_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("freshness",)
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    freshness: _freshness_pb2.Freshness
    def __init__(self, freshness: _Optional[_Union[_freshness_pb2.Freshness, _Mapping]] = ...) -> None: ...

class WatchAnalyticsResponse(_message.Message):
    __slots__ = ("summary", "heartbeat")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    summary: GetAnalyticsSummaryResponse
    heartbeat: Heartbeat
    def __init__(self, summary: _Optional[_Union[GetAnalyticsSummaryResponse, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ...) -> None: ...

class ListAnomaliesRequest(_message.Message):
    __slots__ = ("user_id", "workflow_ids", "range", "time_zone", "baseline_weeks", "threshold", "measures", "page_size", "page_token")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_IDS_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    BASELINE_WEEKS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    workflow_ids: _containers.RepeatedScalarFieldContainer[str]
    range: TimeRange
    time_zone: str
    baseline_weeks: int
    threshold: float
    measures: _containers.RepeatedScalarFieldContainer[AnomalyMeasure]
    page_size: int
    page_token: str
    def __init__(self, user_id: _Optional[str] = ..., workflow_ids: _Optional[_Iterable[str]] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., time_zone: _Optional[str] = ..., baseline_weeks: _Optional[int] = ..., threshold: _Optional[float] = ..., measures: _Optional[_Iterable[_Union[AnomalyMeasure, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class Anomaly(_message.Message):
    __slots__ = ("workflow_id", "range", "label", "measure", "value", "median", "median_absolute_deviation", "score", "scale", "baseline")
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_ABSOLUTE_DEVIATION_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    workflow_id: str
    range: TimeRange
    label: str
    measure: AnomalyMeasure
    value: float
    median: float
    median_absolute_deviation: float
    score: float
    scale: float
    baseline: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, workflow_id: _Optional[str] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., label: _Optional[str] = ..., measure: _Optional[_Union[AnomalyMeasure, str]] = ..., value: _Optional[float] = ..., median: _Optional[float] = ..., median_absolute_deviation: _Optional[float] = ..., score: _Optional[float] = ..., scale: _Optional[float] = ..., baseline: _Optional[_Iterable[float]] = ...) -> None: ...

class ListAnomaliesResponse(_message.Message):
    __slots__ = ("anomalies", "next_page_token", "judged", "not_judged", "freshness")
    ANOMALIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    NOT_JUDGED_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    anomalies: _containers.RepeatedCompositeFieldContainer[Anomaly]
    next_page_token: str
    judged: int
    not_judged: int
    freshness: _freshness_pb2.Freshness
    def __init__(self, anomalies: _Optional[_Iterable[_Union[Anomaly, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., judged: _Optional[int] = ..., not_judged: _Optional[int] = ..., freshness: _Optional[_Union[_freshness_pb2.Freshness, _Mapping]] = ...) -> None: ...

class GetAnalyticsStatusRequest(_message.Message):
    __slots__ = ("user_id",)
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    def __init__(self, user_id: _Optional[str] = ...) -> None: ...

class TopicStatus(_message.Message):
    __slots__ = ("topic", "partitions", "as_of_time", "lag")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    AS_OF_TIME_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    topic: str
    partitions: int
    as_of_time: _timestamp_pb2.Timestamp
    lag: int
    def __init__(self, topic: _Optional[str] = ..., partitions: _Optional[int] = ..., as_of_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lag: _Optional[int] = ...) -> None: ...

class GetAnalyticsStatusResponse(_message.Message):
    __slots__ = ("freshness", "topics", "bucket_resolution", "duration_precision", "unavailable")
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    BUCKET_RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    DURATION_PRECISION_FIELD_NUMBER: _ClassVar[int]
    UNAVAILABLE_FIELD_NUMBER: _ClassVar[int]
    freshness: _freshness_pb2.Freshness
    topics: _containers.RepeatedCompositeFieldContainer[TopicStatus]
    bucket_resolution: _duration_pb2.Duration
    duration_precision: DurationPrecision
    unavailable: _containers.RepeatedCompositeFieldContainer[Unavailable]
    def __init__(self, freshness: _Optional[_Union[_freshness_pb2.Freshness, _Mapping]] = ..., topics: _Optional[_Iterable[_Union[TopicStatus, _Mapping]]] = ..., bucket_resolution: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., duration_precision: _Optional[_Union[DurationPrecision, _Mapping]] = ..., unavailable: _Optional[_Iterable[_Union[Unavailable, _Mapping]]] = ...) -> None: ...
