# Reads a delivery report (RFC 3464) from standard input with Python's email package; answers what it holds, as JSON.
import email
import email.policy
import json
import sys

report = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
text, status, returned = report.get_payload()
groups = [{name.lower(): str(value) for name, value in group.items()} for group in status.get_payload()]
print(json.dumps({
    'type': report.get_content_type(), 'report': report.get_param('report-type'), 'parts': [part.get_content_type() for part in (text, status, returned)],
    'text': text.get_content(), 'message': groups[0], 'recipients': groups[1:],
    'subject': str((returned.get_payload(0) if returned.is_multipart() else email.message_from_string(returned.get_content(), policy=email.policy.default))['subject']),
    'defects': [str(defect) for part in report.walk() for defect in part.defects],
}))
