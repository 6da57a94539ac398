import socket

from sandbox.ports import HIGHEST, LOWEST, free_ports, is_free


def test_free_ports_are_different_and_outside_the_range_of_outgoing_connections():
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(LOWEST <= port <= HIGHEST < 32768 for port in ports)


def test_a_port_is_taken_while_somebody_listens():
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
    assert is_free(port)
