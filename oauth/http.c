#include "oauth/http.h"

#include <curl/curl.h>
#include <string.h>

#define ANSWER_MOST (64u << 10)
#define CONNECT_S 20L

void http_form_add(struct buf *form, const char *name, const char *value)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	buf_addf(form, "%s%s=", form->len ? "&" : "", name);
	for (; *value; value++) {
		if (strchr(plain, *value))
			buf_add_char(form, *value);
		else
			buf_addf(form, "%%%02X", (unsigned char)*value);
	}
}

/* libcurl gives what has come; another count than what it gave ends the transfer. */
static size_t take(char *data, size_t size, size_t n, void *arg)
{
	struct buf *out = arg;

	if (out->len + size * n > ANSWER_MOST)
		return 0;
	buf_add(out, data, size * n);
	return size * n;
}

static void set_options(CURL *curl, const struct http_request *request, struct buf *out)
{
	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->form.p);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)request->form.n);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)request->timeout_s);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
	if (request->ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file);
}

int http_post(const struct http_request *request, long *status, struct buf *out, struct err *err)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
	char reason[CURL_ERROR_SIZE] = "";
	CURL *curl = curl_easy_init();
	CURLcode rc;

	ASSERT(curl && headers);
	set_options(curl, request, out);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
	rc = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	if (rc == CURLE_OK)
		return 0;
	return err_set(err, ERR_NET, "%s", reason[0] ? reason : curl_easy_strerror(rc));
}
