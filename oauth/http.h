/*
 * One POST of a form over HTTPS: the door to libcurl.
 */
#ifndef OAUTH_HTTP_H
#define OAUTH_HTTP_H

#include "base/buf.h"
#include "base/err.h"

struct http_request {
	const char *url;     /* https://... */
	const char *ca_file; /* PEM; NULL: the system's trust store */
	struct slice form;   /* application/x-www-form-urlencoded */
	unsigned timeout_s;
};

/* NAME=VALUE appended to FORM, percent-encoded, behind "&" if something stands there already. */
void http_form_add(struct buf *form, const char *name, const char *value);
/*
 * Send, and append what comes back, at most 64 KiB, to OUT; *STATUS: HTTP's. Redirects are not
 * followed: a token would go where nobody said. ERR_NET with the reason if there is no answer.
 */
int http_post(const struct http_request *request, long *status, struct buf *out,
	struct err *err) MUST_USE;

#endif
