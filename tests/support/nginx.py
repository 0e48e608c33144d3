"""A real nginx in front of several collectors, on a port of its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.clickhouse import free_ports

PROGRAM = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
CONFIG = """
daemon off; worker_processes 1; error_log {home}/errors; pid {home}/pid;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  upstream collectors {{ {servers} }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://collectors;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_next_upstream error timeout http_503 non_idempotent;
      client_max_body_size 32m;
    }}
  }}
}}
"""


@contextmanager
def balancing(urls: list[str]) -> Iterator[str]:
    """The address of a balancer over collectors that listen at `urls`."""
    assert PROGRAM is not None
    (port,) = free_ports(1)
    servers = "".join(f"server {url.removeprefix('http://')} max_fails=0; " for url in urls)
    with tempfile.TemporaryDirectory(prefix="sidespool-nginx-") as home:
        path = Path(home) / "nginx.conf"
        path.write_text(CONFIG.format(home=home, port=port, servers=servers))
        child = subprocess.Popen([PROGRAM, "-c", str(path), "-p", home, "-e", f"{home}/errors"])
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            child.terminate()
            child.wait(10)
