#include "cli/inspect.h"

#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/json.h"
#include "cli/profile.h"
#include "cli/targets.h"
#include "cli/text.h"
#include "sync/sync.h"

/* One account. */
struct view {
	const struct config_account *account;
	struct sync_inspection found;
	struct err err;
	int rc;
};

static void inspect(void *item)
{
	struct view *view = item;

	view->rc = sync_inspect(view->account, &view->found, &view->err);
}

/* ---- for people ---- */

/* "  label:  text" */
static void add_line(const char *label, struct slice text, struct buf *out)
{
	buf_addf(out, "  %-13s ", label);
	text_escape_slice(text, out);
	buf_add_char(out, '\n');
}

static void add_certificate(const struct net_certificate *certificate, size_t i, struct buf *out)
{
	buf_addf(out, "  %-13s ", i == 0 ? "certificate:" : "signed by:");
	text_escape_slice(buf_slice(&certificate->subject), out);
	buf_add_str(out, "\n    issuer:     ");
	text_escape_slice(buf_slice(&certificate->issuer), out);
	buf_add_str(out, "\n    valid:      ");
	text_time(certificate->not_before, out);
	buf_add_str(out, " to ");
	text_time(certificate->not_after, out);
	if (certificate->names.len) {
		buf_add_str(out, "\n    names:      ");
		text_escape_slice(buf_slice(&certificate->names), out);
	}
	buf_add_char(out, '\n');
}

static void add_tls(const struct net_peer *peer, struct buf *out)
{
	if (peer->version[0])
		buf_addf(out, "  %-13s %s, %s\n", "TLS:", peer->version, peer->cipher);
	for (size_t i = 0; i < peer->count; i++)
		add_certificate(&peer->chain[i], i, out);
	if (peer->count == 0)
		return;
	buf_addf(out, "  %-13s %s%s\n", "trusted:", peer->distrust[0] ? "no: " : "yes",
		peer->distrust);
	add_line("pin:", slice_str(peer->pin), out);
}

/* Lines become words. */
static void add_words(const char *label, const struct buf *words, struct buf *out)
{
	struct buf line = {0};

	buf_add_slice(&line, buf_slice(words));
	for (size_t i = 0; i < line.len; i++) {
		if (line.data[i] == '\n')
			line.data[i] = ' ';
	}
	while (line.len && line.data[line.len - 1] == ' ')
		line.len--;
	add_line(label, buf_slice(&line), out);
	buf_fini(&line);
}

/* What the server calls itself, and how it is treated. */
static void add_provider(const struct imap_offer *offer, struct buf *out)
{
	struct buf text = {0};

	buf_add_slice(&text, buf_slice(&offer->name));
	if (offer->vendor.len)
		buf_addf(&text, "%s(%s)", text.len ? " " : "", offer->vendor.data);
	if (text.len)
		add_line("calls itself:", buf_slice(&text), out);
	buf_clear(&text);
	profile_text(&offer->profile, "none", &text);
	add_line("profile:", buf_slice(&text), out);
	buf_fini(&text);
}

static void show_text(const struct view *view, struct buf *out)
{
	const struct config_account *a = view->account;
	const struct imap_offer *offer = &view->found.offer;

	text_escape(a->name, out);
	buf_add_str(out, ": ");
	text_escape(a->tunnel.count ? a->tunnel.items[0] : a->host, out);
	if (a->tunnel.count == 0)
		buf_addf(out, ", port %u", a->port);
	buf_add_char(out, '\n');
	add_tls(&view->found.peer, out);
	if (view->rc != 0)
		return;
	add_words("mechanisms:", &offer->mechanisms, out);
	add_line("login by:",
		slice_str(offer->choice ? offer->choice : "nothing that both sides can use"), out);
	add_words("capabilities:", &offer->capabilities, out);
	add_provider(offer, out);
}

/* ---- for programs ---- */

static void add_array(struct json *json, const char *key, const struct buf *words)
{
	const char *at = words->data, *end = words->data + words->len;

	json_array(json, key);
	while (at && at < end) {
		size_t n = strcspn(at, " \n");

		if (n > 0)
			json_slice(json, NULL, (struct slice){at, n});
		at += n + 1;
	}
	json_end_array(json);
}

static void add_text(struct json *json, const char *key, const struct buf *text)
{
	if (text->len)
		json_slice(json, key, buf_slice(text));
	else
		json_null(json, key);
}

static void add_chain(struct json *json, const struct net_peer *peer)
{
	json_array(json, "chain");
	for (size_t i = 0; i < peer->count; i++) {
		const struct net_certificate *certificate = &peer->chain[i];

		json_object(json, NULL);
		json_slice(json, "subject", buf_slice(&certificate->subject));
		json_slice(json, "issuer", buf_slice(&certificate->issuer));
		json_time(json, "not_before", certificate->not_before);
		json_time(json, "not_after", certificate->not_after);
		add_array(json, "names", &certificate->names);
		json_end_object(json);
	}
	json_end_array(json);
}

static void show_json(const struct view *view, struct buf *out)
{
	const struct net_peer *peer = &view->found.peer;
	const struct imap_offer *offer = &view->found.offer;
	struct json json = {0};

	json_open(&json);
	json_string(&json, "type", "server");
	json_string(&json, "account", view->account->name);
	json_string(&json, "host", view->account->host);
	json_string(&json, "tls", peer->version[0] ? peer->version : NULL);
	json_string(&json, "cipher", peer->cipher[0] ? peer->cipher : NULL);
	json_bool(&json, "trusted", peer->version[0] && !peer->distrust[0]);
	json_string(&json, "distrust", peer->distrust[0] ? peer->distrust : NULL);
	json_string(&json, "pin", peer->pin[0] ? peer->pin : NULL);
	add_chain(&json, peer);
	add_array(&json, "mechanisms", &offer->mechanisms);
	json_string(&json, "login_by", offer->choice);
	add_array(&json, "capabilities", &offer->capabilities);
	add_text(&json, "id_name", &offer->name);
	add_text(&json, "id_vendor", &offer->vendor);
	profile_json(&offer->profile, &json);
	json_string(&json, "error", view->rc != 0 ? view->err.msg : NULL);
	json_line(&json);
	buf_add_slice(out, buf_slice(&json.text));
	json_fini(&json);
}

int inspect_servers(const struct cli *cli)
{
	struct view *views = xcalloc(cli->target_count + 1, sizeof(*views));
	struct buf text = {0};
	int status = 0;

	for (size_t i = 0; i < cli->target_count; i++)
		views[i].account = cli->targets[i].account;
	targets_run(views, cli->target_count, sizeof(*views), inspect);
	for (size_t i = 0; i < cli->target_count; i++) {
		if (cli->options.json)
			show_json(&views[i], &text);
		else
			show_text(&views[i], &text);
	}
	console_print(buf_slice(&text));
	buf_fini(&text);
	for (size_t i = 0; i < cli->target_count; i++) {
		if (views[i].rc != 0) {
			cli_error(views[i].account->name, &views[i].err);
			status = sync_worse_status(status, sync_err_status(&views[i].err));
		}
		sync_inspection_fini(&views[i].found);
	}
	free(views);
	return status;
}
