"""What the three scripts share. Standard library only; settings come as JSON on standard input, failures are exceptions."""
import json
import ssl
import sys

settings = json.load(sys.stdin)
host = "127.0.0.1"
password = settings["password"]
sample = settings["sample"].encode("latin-1")


def trusting():
    """Trusts the gateway's certificate and nothing else; names are checked."""
    return ssl.create_default_context(cafile=settings["certificate"])


def address(listener):
    return host, int(settings["ports"][listener])


def equal(got, wanted, what):
    assert got == wanted, f"{what}: wanted {wanted!r}, got {got!r}"


def refused(exceptions, what, run):
    """Runs what must fail; answers the exception."""
    try:
        run()
    except exceptions as error:
        return error
    raise AssertionError(f"{what}: nothing was refused")


def after_trace(octets):
    """The message behind the Received and Return-Path fields at the top."""
    lines = octets.split(b"\r\n")
    i = 0
    while lines[i].lower().startswith((b"received:", b"return-path:")):
        i += 1
        while lines[i][:1] in (b" ", b"\t"):
            i += 1
    assert i > 0, f"no trace header: {octets[:300]!r}"
    return b"\r\n".join(lines[i:])
