"""OAuth for the tests: tokens that Dovecot checks by itself, and a server that gives them out.

`with OAuthServer(folder) as oauth:` listens with HTTPS on 127.0.0.1; oauth.ca_file signed its
certificate. What it does is set by its fields, and may be changed while it runs.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import ssl
import threading
import time
import urllib.parse

from serving import make_certificate

KEY = b"a key of the tests that signs tokens"
CLIENT = "godwit-tests"
SECRET = "cl1ent-s3cret/+&="  # has to be encoded in a form
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

PASSDB = """
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {dir}/oauth2.conf
}}
"""
OAUTH2 = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={dir}/keys/
username_attribute = sub
"""


def write_passdb(folder):
    """Dovecot's side, below FOLDER, which it must be able to read. The lines for dovecot.conf."""
    place = os.path.join(folder, "keys", "default", "HS256")
    os.makedirs(place)
    for path, text in ((os.path.join(place, "default"), base64.b64encode(KEY).decode()),
                       (os.path.join(folder, "oauth2.conf"), OAUTH2.format(dir=folder))):
        with open(path, "w") as file:
            file.write(text)
    return PASSDB.format(dir=folder)


def make_token(user, lifetime=3600, key=KEY, **claims):
    """A JSON web token (RFC 7519)."""
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    now = int(time.time())
    claims = dict(claims, sub=user, iat=now - 7200, nbf=now - 7200, exp=now + lifetime)
    text = b".".join(part(json.dumps(p).encode()) for p in ({"alg": "HS256", "typ": "JWT"}, claims))
    return (text + b"." + part(hmac.new(key, text, hashlib.sha256).digest())).decode()


class OAuthServer:
    """
    user:     whose tokens it gives out             lifetime: of them, in seconds
    expires:  what it says of the lifetime          refresh:  the refresh token that is good; None: none is
    rotates:  a refresh token is good only once     pending:  polls until the user has agreed
    denied:   the user says no                      broken:   (HTTP status, body) for every request
    interval: seconds that it wants between polls   slow_down: it asks for slower polls while pending
    asked:    the forms that came, oldest first     given:    tokens that it gave out, oldest first
    """

    def __init__(self, folder):
        make_certificate(folder)
        self.ca_file = os.path.join(folder, "ca.pem")
        self.user, self.lifetime, self.expires = "", 3600, 3600
        self.refresh, self.rotates = None, False
        self.pending, self.denied, self.broken = 0, False, None
        self.interval, self.slow_down = 0, False
        self.asked, self.given, self.count = [], [], 0
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, answer = server.answer(self.path, dict(urllib.parse.parse_qsl(body)))
                text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem"))
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.url = "https://localhost:%d" % self.http.server_address[1]

    def __enter__(self):
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,))
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def settings(self):
        """auth.oauth of an account."""
        return {"client_id": CLIENT, "client_secret": SECRET, "token_url": self.url + "/token",
                "device_url": self.url + "/device", "scope": "mail read", "ca_file": self.ca_file}

    def answer(self, path, form):
        self.asked.append(form)
        if self.broken:
            return self.broken
        if form.get("client_id") != CLIENT or form.get("client_secret") != SECRET:
            return 401, {"error": "invalid_client", "error_description": "who\x1b[2J are you?"}
        if path == "/device":
            return 200, {"device_code": "dev1ce", "user_code": "WXYZ-1234", "expires_in": 60, "interval": self.interval,
                         "verification_uri": self.url + "/activate",
                         "verification_uri_complete": self.url + "/activate?code=WXYZ-1234"}
        if form.get("grant_type") == DEVICE_GRANT and form.get("device_code") == "dev1ce":
            return self.poll()
        if form.get("grant_type") == "refresh_token":
            return self.renew(form.get("refresh_token"))
        return 400, {"error": "unsupported_grant_type"}

    def poll(self):
        if self.denied:
            return 400, {"error": "access_denied"}
        if self.pending > 0:
            self.pending -= 1
            return 400, {"error": "slow_down" if self.slow_down else "authorization_pending"}
        self.refresh = "r3fresh-0"
        return 200, self.tokens()

    def renew(self, refresh):
        if refresh is None or refresh != self.refresh:
            return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        if self.rotates:
            self.count += 1
            self.refresh = "r3fresh-%d" % self.count
        return 200, self.tokens()

    def tokens(self):
        self.given.append(make_token(self.user, self.lifetime, n=len(self.given)))
        answer = {"access_token": self.given[-1], "token_type": "Bearer", "expires_in": self.expires}
        if self.rotates or len(self.given) == 1:
            answer["refresh_token"] = self.refresh
        return answer
