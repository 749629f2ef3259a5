/*
 * Commands that change a mailbox and whose answers may be waited for later. A UID set is cut into
 * lines that every server takes; all of them share one ticket.
 */
#include "imap/command.h"

static const struct imap_result nothing_to_do = {.ok = true};

/* PREFIX set SUFFIX for all of UIDS, under one ticket. */
static int send_sets(struct imap *imap, const char *what, const char *prefix,
	const struct uidset *uids, const char *suffix, imap_ticket *out, struct err *err)
{
	struct uid_iter it = {0};
	struct buf set = {0};
	int rc = 0;

	*out = ticket_new(imap, what, TICKET_PLAIN);
	ticket_answer(imap, *out, &nothing_to_do);
	while (rc == 0 && uidset_format(uids, &it, UINT64_MAX, COMMAND_LINE_MAX, &set) > 0) {
		rc = command_begin(imap, *out, err);
		if (rc < 0)
			break;
		command_text(imap, prefix);
		command_text(imap, set.data);
		command_text(imap, suffix);
		command_end(imap);
		buf_clear(&set);
	}
	buf_fini(&set);
	return rc;
}

int imap_store_send(struct imap *imap, const struct uidset *uids, enum imap_store_mode mode,
	const struct flags *flags, imap_ticket *out, struct err *err)
{
	const struct uidset none = {0};
	struct buf suffix = {0};
	int rc;

	buf_add_str(&suffix, mode == IMAP_STORE_ADD ? " +FLAGS.SILENT (" : " -FLAGS.SILENT (");
	keywords_format(imap->keywords, flags, &suffix);
	buf_add_char(&suffix, ')');
	rc = send_sets(imap, "STORE", "UID STORE ", flags_empty(flags) ? &none : uids, suffix.data,
		out, err);
	buf_fini(&suffix);
	return rc;
}

int imap_uid_expunge_send(
	struct imap *imap, const struct uidset *uids, imap_ticket *out, struct err *err)
{
	ASSERT(imap_can(imap, IMAP_CAP_UIDPLUS));
	return send_sets(imap, "UID EXPUNGE", "UID EXPUNGE ", uids, "", out, err);
}

int imap_expunge(struct imap *imap, struct err *err)
{
	return command_run(imap, "EXPUNGE", err);
}

int imap_delete_send(struct imap *imap, struct slice wire, imap_ticket *out, struct err *err)
{
	return command_mailbox(imap, "DELETE", wire, out, err);
}

int imap_create_send(struct imap *imap, struct slice wire, imap_ticket *out, struct err *err)
{
	return command_mailbox(imap, "CREATE", wire, out, err);
}

int imap_subscribe_send(struct imap *imap, struct slice wire, imap_ticket *out, struct err *err)
{
	return command_mailbox(imap, "SUBSCRIBE", wire, out, err);
}
