"""smtplib: MX, submission and LMTP; 8BITMIME, SMTPUTF8, refusals. Reads nothing back: the test does."""
import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY, SMTPUTF8 as UTF8_POLICY

from common import address, equal, password, refused, sample, settings, trusting

users = settings["users"]


def subject(text):
    return sample.replace(b"Subject: python", f"Subject: python {text}".encode("ascii"))


with smtplib.SMTP(*address("smtp")) as client:
    client.ehlo("client.example")
    for extension in ("pipelining", "8bitmime", "smtputf8", "enhancedstatuscodes", "chunking", "size", "starttls"):
        assert client.has_extn(extension), extension
    # Reports of success to addresses that strangers name are for submission.
    for extension in ("auth", "dsn"):
        assert not client.has_extn(extension), extension
    equal(client.sendmail(users[1], [users[0]], subject("8bit"), ["BODY=8BITMIME"]), {}, "sendmail")
    # The session goes on after a refusal, and RSET forgets the transaction.
    equal(client.docmd("MAIL", "FROM:<a@outside.example>")[0], 250, "MAIL")
    equal(client.docmd("RCPT", "TO:<nobody@example.test>")[0], 550, "RCPT")
    equal(client.rset()[0], 250, "RSET")
    equal(client.noop()[0], 250, "NOOP")
    # One unknown recipient does not hinder the others.
    answers = client.sendmail("a@outside.example", [users[0], "nobody@example.test", users[2]], subject("partly"))
    equal(list(answers), ["nobody@example.test"], "refused recipients")
    equal(answers["nobody@example.test"][0], 550, "refused with")
    assert answers["nobody@example.test"][1].startswith(b"5.1.1"), answers
    # The null sender, as bounces have it.
    client.sendmail("", [users[0]], subject("null sender"))
    code, text = client.docmd("MAIL", "FROM:<a@outside.example> SIZE=99999999999")
    assert code == 552 and text.startswith(b"5.3.4"), (code, text)

with smtplib.SMTP(*address("smtp")) as client:
    client.starttls(context=trusting())
    client.ehlo("client.example")
    assert not client.has_extn("starttls")
    client.sendmail(users[1], [users[0]], subject("STARTTLS"))

refused(ssl.SSLCertVerificationError, "an unknown certificate", lambda: smtplib.SMTP_SSL(*address("submissions"), context=ssl.create_default_context()))

for make, name in (
    (lambda: smtplib.SMTP(*address("submission")), "submission STARTTLS"),
    (lambda: smtplib.SMTP_SSL(*address("submissions"), context=trusting()), "submission TLS"),
):
    with make() as client:
        if "STARTTLS" in name:
            client.starttls(context=trusting())
        error = refused(smtplib.SMTPAuthenticationError, "a wrong password", lambda: client.login(users[1], "wrong"))
        equal(error.smtp_code, 535, "a wrong password")
        error = refused(smtplib.SMTPSenderRefused, "no login", lambda: client.sendmail(users[1], [users[0]], sample))
        equal(error.smtp_code, 530, "no login")
        client.login(users[1], password)
        client.sendmail(users[1], [users[0]], subject(name))
        error = refused(smtplib.SMTPSenderRefused, "a foreign sender", lambda: client.sendmail(users[2], [users[0]], sample))
        equal(error.smtp_code, 550, "a foreign sender")

for how in ("auth_plain", "auth_login"):
    with smtplib.SMTP_SSL(*address("submissions"), context=trusting()) as client:
        client.ehlo()
        client.user, client.password = users[1], password
        code, _ = client.auth(how.removeprefix("auth_").upper(), getattr(client, how))
        equal(code, 235, how)
        client.sendmail(users[1], [users[0]], subject(how))

with smtplib.SMTP_SSL(*address("submissions"), context=trusting()) as client:
    # To an address with letters beyond ASCII: MAIL FROM ... SMTPUTF8 BODY=8BITMIME, and the header in UTF-8.
    client.login(users[1], password)
    letter = EmailMessage(policy=UTF8_POLICY)
    letter["From"], letter["To"], letter["Subject"] = users[1], "Grüße <grüße@example.test>", "python smtputf8 ☃"
    letter["Date"], letter["Message-ID"], letter["Bcc"] = "Sun, 22 Nov 2026 10:27:45 +0000", "<utf8@python.example>", users[2]
    letter.set_content("Grüße, 你好\n")
    equal(client.send_message(letter), {}, "SMTPUTF8")
    # No Date, no Message-ID: the gateway adds them.
    bare = EmailMessage(policy=SMTP_POLICY)
    bare["From"], bare["To"], bare["Subject"] = users[1], users[0], "python bare"
    bare.set_content("nothing else\n")
    equal(client.send_message(bare), {}, "a bare message")

with smtplib.LMTP(*address("lmtp")) as client:
    answers = client.sendmail("a@outside.example", [users[0], "nobody@example.test"], subject("LMTP"))
    equal(list(answers), ["nobody@example.test"], "LMTP")
