"""poplib: list, UIDL, TOP, RETR, DELE, RSET, QUIT. `road` is clear, starttls (STLS) or tls. The maildrop holds three messages."""
import poplib
import ssl

from common import address, after_trace, equal, password, refused, sample, settings, trusting

poplib._MAXLINE = 65536
road = settings["road"]
user = settings["user"]


def connect(context=None):
    if road == "tls":
        return poplib.POP3_SSL(*address("pop3s"), context=context or trusting(), timeout=20)
    client = poplib.POP3(*address("pop3"), timeout=20)
    if road == "starttls":
        client.stls(context or trusting())
    return client


def login():
    client = connect()
    client.user(user)
    client.pass_(password)
    return client


def octets(client, number):
    _, lines, size = client.retr(number)
    whole = b"\r\n".join(lines) + b"\r\n"
    return whole


if road != "clear":
    refused(ssl.SSLCertVerificationError, "an unknown certificate", lambda: connect(ssl.create_default_context()))

client = connect()
capabilities = client.capa()
assert {"UIDL", "TOP", "USER", "SASL", "PIPELINING", "RESP-CODES", "UTF8"} <= set(capabilities), capabilities
client.user(user)
error = refused(poplib.error_proto, "a wrong password", lambda: client.pass_("wrong"))
assert b"[AUTH]" in error.args[0], error
client.close()

client = login()
count, size = client.stat()
equal(count, 3, "STAT")
_, listing, _ = client.list()
equal(sum(int(line.split()[1]) for line in listing), size, "sizes")
uidl = [line.split()[1] for line in client.uidl()[1]]
equal(len(set(uidl)), 3, "UIDL")
error = refused(poplib.error_proto, "a second session", login)
assert b"[IN-USE]" in error.args[0], error
for number in (1, 2, 3):
    whole = octets(client, number)
    equal(len(whole), int(listing[number - 1].split()[1]), "size")
    equal(after_trace(whole), sample.replace(b"Subject: python", f"Subject: python {number}".encode()), "octets")
_, top, _ = client.top(1, 2)
equal(len(top) - top.index(b""), 3, "TOP 1 2")
client.dele(1)
refused(poplib.error_proto, "RETR of what is deleted", lambda: client.retr(1))
equal(client.stat()[0], 2, "STAT after DELE")
client.rset()
equal(client.stat()[0], 3, "STAT after RSET")
client.dele(2)
client.noop()
client.close()  # without QUIT: nothing is deleted

# The lock goes with the connection; the server may need a moment to see that.
for attempt in range(200):
    try:
        client = login()
        break
    except poplib.error_proto as error:
        assert b"[IN-USE]" in error.args[0], error
equal([line.split()[1] for line in client.uidl()[1]], uidl, "UIDL after a dropped session")
client.dele(2)
client.quit()

client = login()
equal([line.split()[1] for line in client.uidl()[1]], [uidl[0], uidl[2]], "UIDL after QUIT")
client.quit()
client = connect()
client.utf8()
client.user(user)
client.pass_(password)
equal(client.stat()[0], 2, "STAT with UTF8")
client.quit()
