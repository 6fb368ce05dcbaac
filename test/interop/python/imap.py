"""imaplib: a session's life by IMAP. `road` is clear, starttls or tls."""
import imaplib
import re
import ssl

from common import address, after_trace, equal, password, refused, sample, settings, trusting

road = settings["road"]
user = settings["user"]
folder = f"Python {road}"


def connect(context=None):
    if road == "tls":
        return imaplib.IMAP4_SSL(*address("imaps"), ssl_context=context or trusting(), timeout=20)
    client = imaplib.IMAP4(*address("imap"), timeout=20)
    if road == "starttls":
        equal(client.starttls(context or trusting())[0], "OK", "STARTTLS")
        assert "STARTTLS" not in client.capabilities
    return client


def ok(answer, what=""):
    kind, data = answer
    equal(kind, "OK", f"{what} {data}")
    return data


if road != "clear":
    refused(ssl.SSLCertVerificationError, "an unknown certificate", lambda: connect(ssl.create_default_context()))

client = connect()
assert {"IMAP4REV1", "IDLE", "UIDPLUS", "MOVE", "NAMESPACE"} <= set(client.capabilities), client.capabilities
refused(imaplib.IMAP4.error, "a wrong password", lambda: client.login(user, "wrong"))
if road == "starttls":
    client.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
else:
    ok(client.login(user, password))

# Mailboxes
ok(client.create(f'"{folder}"'))
ok(client.create(f'"{folder}/Deep/Deeper"'))
refused((imaplib.IMAP4.error, AssertionError), "a mailbox that exists", lambda: ok(client.create(f'"{folder}"')))
names = {re.search(rb'"/" "?([^"]*)"?$', line).group(1) for line in ok(client.list('""', f'"{folder}*"'))}
equal(names, {folder.encode(), f"{folder}/Deep".encode(), f"{folder}/Deep/Deeper".encode()}, "LIST")
ok(client.subscribe(f'"{folder}/Deep"'))
assert any(f"{folder}/Deep".encode() in line for line in ok(client.lsub('""', "*")))
ok(client.rename(f'"{folder}/Deep"', f'"{folder}/Deeply"'))
assert any(f"{folder}/Deeply/Deeper".encode() in line for line in ok(client.list('""', "*")))
ok(client.delete(f'"{folder}/Deeply/Deeper"'))
assert ok(client.namespace())[0].startswith(b'(("" "/"))')

# Messages
date = imaplib.Internaldate2tuple(b'25 (INTERNALDATE "01-Jan-2024 10:00:00 +0200")')
appended = ok(client.append(f'"{folder}"', r"(\Seen $Label)", date, sample))
assert b"APPENDUID" in appended[0], appended
ok(client.append(f'"{folder}"', None, None, sample.replace(b"Subject: python", b"Subject: second")))
equal(ok(client.select(f'"{folder}"')), [b"2"], "EXISTS")
assert client.response("UIDVALIDITY")[1][0] is not None
equal(ok(client.status(f'"{folder}"', "(MESSAGES UNSEEN)"))[0].split(b" (")[1], b"MESSAGES 2 UNSEEN 1)", "STATUS")
equal(ok(client.search(None, "ALL")), [b"1 2"], "SEARCH")
equal(ok(client.search(None, "UNSEEN")), [b"2"], "SEARCH UNSEEN")
equal(ok(client.search("UTF-8", "SUBJECT", '"second"')), [b"2"], "SEARCH SUBJECT")
client.literal = "你好".encode()
equal(ok(client.search("UTF-8", "BODY")), [b"1 2"], "SEARCH BODY with a literal")
equal(ok(client.uid("SEARCH", "KEYWORD", "$Label")), [b"1"], "SEARCH KEYWORD")

fetched = ok(client.fetch("1", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"))
equal(fetched[0][1], sample, "octets")
assert f"RFC822.SIZE {len(sample)}".encode() in fetched[0][0] + fetched[1], fetched
flags = imaplib.ParseFlags(fetched[0][0])
assert b"\\Seen" in flags and b"$Label" in flags, flags
equal(imaplib.Internaldate2tuple(fetched[0][0]), date, "INTERNALDATE")
assert ok(client.fetch("2", "(BODY.PEEK[]<0.10>)"))[0][1] == sample.replace(b"Subject: python", b"Subject: second")[:10]
assert b"second" in ok(client.fetch("2", "(ENVELOPE)"))[0]
assert b'"text" "plain"' in ok(client.fetch("2", "(BODYSTRUCTURE)"))[0].lower()
assert b"\\Seen" not in ok(client.fetch("2", "(FLAGS)"))[0], "PEEK sets nothing"

assert b"\\Flagged" in ok(client.store("2", "+FLAGS", r"(\Flagged)"))[0]
equal(ok(client.store("2", "+FLAGS.SILENT", r"(\Answered)")), [None], "STORE.SILENT")
assert b"COPYUID" in ok(client.copy("1:2", f'"{folder}/Deeply"'))[0]
ok(client.store("1", "+FLAGS", r"(\Deleted)"))
equal(ok(client.expunge()), [b"1"], "EXPUNGE")
equal(ok(client.uid("SEARCH", "ALL")), [b"2"], "UIDs stay")
equal(ok(client.select(f'"{folder}/Deeply"', readonly=True)), [b"2"], "copies")
refused((imaplib.IMAP4.readonly, imaplib.IMAP4.error, AssertionError), "STORE in EXAMINE", lambda: ok(client.store("1", "+FLAGS", r"(\Deleted)")))
ok(client.close())

# What came by SMTP.
ok(client.select("INBOX"))
numbers = ok(client.search(None, "SUBJECT", '"python 8bit"'))[0].split()
if settings.get("expects_inbox"):
    equal(len(numbers), 1, "the message sent with smtplib")
    octets = ok(client.fetch(numbers[0], "(RFC822)"))[0][1]
    equal(after_trace(octets), sample.replace(b"Subject: python", b"Subject: python 8bit"), "octets from SMTP")
equal(client.logout()[0], "BYE", "LOGOUT")
