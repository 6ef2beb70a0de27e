"""Rendered settings on the real programs: stores and the pooler start with them, and say that they hold."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from postgres import Server, running
from rendering import rendered, tool

PLAN = """
    name: library
    regions: {aws: us-east-1}
    demand: {requests_per_second: 40, profile: flat}
    services:
      loans:
        platform: kubernetes
        cpu: 500m
        memory: 512Mi
        throughput: 20/s
        instances: {min: 2, max: 10}
        calls: {shelf: {per_request: 2, pool: {min: 1, max: 40, hold_time: 10ms}}, desk: 1}
    clusters: {main: {platform: eks, pools: {default: {machine: m5.xlarge, nodes: {min: 2, max: 6}}}}}
    databases:
      shelf: {platform: kubernetes, engine: postgres, cpu: 2, memory: 2Gi, storage: 10Gi, max_connections: 90}
    caches:
      desk: {platform: kubernetes, cpu: 1, memory: 1Gi, storage: 5Gi, content: {keys: 100k, value_size: 1KiB}}
    manifests: {accepted: {too-many-connections: a pooler stands before it}}
"""


def data_of(path: str, *sets: str) -> dict[str, str]:
    return dict(rendered(PLAN, *sets)[path].value["data"])


def test_postgresql_starts_with_its_settings():
    text = data_of("kubernetes/base/shelf/configmap-shelf-config.yaml")["postgresql.conf"]
    directory = Path(tempfile.mkdtemp(prefix="conf"))
    directory.chmod(0o755)
    (directory / "postgresql.conf").write_text(text, encoding="utf-8")
    try:
        with running(f"config_file={directory}/postgresql.conf") as server:
            wanted = dict(line.split(" = ") for line in text.splitlines())
            for name in ("shared_buffers", "max_connections", "work_mem", "effective_cache_size"):
                assert server.ask("postgres", f"SHOW {name}") == [wanted[name]]
    finally:
        shutil.rmtree(directory)


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ((), {"appendonly": "yes", "save": "", "maxmemory": str(512 * 2**20)}),
        (("caches.desk.content=null",), {"appendonly": "yes", "save": "", "maxmemory": str(768 * 2**20)}),
        (
            ("caches.desk.storage=0Gi", "caches.desk.content.headroom=40%"),
            {"appendonly": "no", "save": "", "maxmemory": str(614 * 2**20)},
        ),
    ],
)
def test_redis_starts_with_its_settings_and_one_way_to_persist(sets, expected, tmp_path):
    program, client = tool("redis-server"), tool("redis-cli")
    text = data_of("kubernetes/base/desk/configmap-desk-config.yaml", *sets)["redis.conf"]
    (tmp_path / "redis.conf").write_text(text.replace("dir /data", f"dir {tmp_path}"), encoding="utf-8")
    path = Path(tempfile.mkdtemp(prefix="rd")) / "redis.sock"
    command = [program, tmp_path / "redis.conf", "--port", "0", "--unixsocket", path, "--requirepass", "x"]
    started = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        ask = [client, "-s", path, "-a", "x", "--no-auth-warning"]
        waited(lambda: "PONG" in said(*ask, "PING"))
        for name, value in expected.items():
            assert said(*ask, "CONFIG", "GET", name).splitlines()[1:] == ([value] if value else [""])
    finally:
        started.terminate()
        started.wait()
        shutil.rmtree(path.parent)


def test_a_pooler_starts_and_takes_clients_by_tls_only():
    for name in ("pgbouncer", "openssl"):
        tool(name)
    files = rendered(PLAN)
    pod = files["kubernetes/base/shelf-pooler/deployment-shelf-pooler.yaml"].value["spec"]["template"]["spec"]
    [container] = pod["containers"]
    with running() as server:
        place = server.directory / "pooler"
        port = str(free_port())
        text = data_of("kubernetes/base/shelf-pooler/configmap-shelf-pooler.yaml")["pgbouncer.ini"]
        text = text.replace("host=shelf port=5432", f"host={server.directory} user={server.user.pw_name}")
        text = text.replace("listen_port = 5432", f"listen_port = {port}").replace("0.0.0.0", "127.0.0.1")
        version = re.search(r"PgBouncer (\d+)\.(\d+)", said(tool("pgbouncer"), "--version"))
        assert version is not None
        if (int(version[1]), int(version[2])) < (1, 21):
            # What Debian has is older than the image, and does not know this setting.
            text = text.replace("max_prepared_statements = 200\n", "")
        secrets_of_pooler(place, text.replace("/etc/pgbouncer-secret", str(place)), server)
        command = [part.replace("/etc/pgbouncer", str(place)) for part in container["command"]]
        user = server.user.pw_name
        if os.geteuid() == 0:
            # It refuses root, and changes to another user once it is loaded.
            command = [part.replace("exec pgbouncer", f"exec pgbouncer -u {user}") for part in command]
        started = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            url = f"host=127.0.0.1 port={port} user=loans password=secret dbname=postgres sslmode="
            ask = [tool("psql"), "-XAtq", "-c", "SELECT 6 * 7", "-d"]
            waited(lambda: said(*ask, url + "require") == "42\n")
            assert said(*ask, url + "disable") == ""
            limits = Path(f"/proc/{started.pid}/limits").read_text(encoding="utf-8")
            [opened] = re.findall(r"Max open files\s+(\d+)", limits)
            clients = int(re.findall(r"max_client_conn = (\d+)", text)[0])
            assert clients < int(opened) < clients + 1000
        finally:
            started.terminate()
            started.wait()


def secrets_of_pooler(place: Path, text: str, server: Server) -> None:
    """Write the settings of a pooler and its secret: a certificate, and who may connect."""
    place.mkdir()
    (place / "pgbouncer.ini").write_text(text, encoding="utf-8")
    (place / "userlist.txt").write_text('"loans" "secret"\n', encoding="utf-8")
    made = f"-keyout {place}/tls.key -out {place}/tls.crt -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256"
    subprocess.run(
        ["openssl", "req", "-x509", "-subj", "/CN=shelf-pooler", *made.split()],
        check=True,
        capture_output=True,
    )
    for file in (place, *place.iterdir()):
        shutil.chown(file, server.user.pw_uid)


def said(*command: object) -> str:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False).stdout


def waited(is_there) -> None:
    for _ in range(100):
        if is_there():
            return
        time.sleep(0.05)
    pytest.fail("it did not start")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
