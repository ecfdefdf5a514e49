"""A small web application that needs nothing but the standard library."""
import os
import platform
from wsgiref.simple_server import make_server


def application(environ, start_response):
    body = (
        "Hello from s2c!\n"
        f"python {platform.python_version()}, uid {os.getuid()}, path {environ['PATH_INFO']}\n"
    ).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "8080"))
    with make_server("0.0.0.0", port, application) as server:
        print(f"listening on port {port}", flush=True)
        server.serve_forever()
