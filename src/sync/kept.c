/*
 * Did the flags of uploads arrive?
 *
 * Some servers store a message and drop its flags; next time that would look as if somebody had
 * taken them away. So the first uploads with flags of each connection are looked at.
 */
#include "sync/uploads.h"

struct flags push_flags_sent(const struct pushing *p, const struct sending *s)
{
	return flags_and(&s->op->flags, &p->box->mask_there);
}

/* Flags that the server dropped are not agreed on: the next look finds them as changed here. */
static int disagree(struct pushing *p, const struct group *g, uint32_t uid,
	const struct flags *there, struct err *err)
{
	static const struct flags none = {0};
	struct flags lost = {0};

	for (size_t i = 0; i < g->count; i++)
		if (g->items[i].uid == uid)
			lost = push_flags_sent(p, &g->items[i]);
	lost = flags_minus(&lost, there);
	if (flags_empty(&lost))
		return 0;
	*p->again = true;
	return settle_flags(
		p->w->pass->settler, p->box->row.id, uid, &lost, &none, p->box->maildir, NULL, err);
}

/* Takes out of UIDS what was shown. */
static int compare_shown(
	struct pushing *p, const struct group *g, struct uidset *uids, struct err *err)
{
	struct uidset asked = {0};
	struct imap_fetch_request request = {.uids = &asked, .flags = true};
	struct imap_message m;
	enum imap_fetch_event event;

	uidset_copy(&asked, uids);
	int rc = imap_fetch_begin(p->w->imap, &request, err);
	uidset_fini(&asked);
	while (rc == 0 && (event = imap_fetch_next(p->w->imap, &m, err)) != IMAP_FETCH_END) {
		rc = event == IMAP_FETCH_ERROR ? -1 : disagree(p, g, m.uid, &m.flags, err);
		uidset_remove(uids, m.uid);
	}
	return rc;
}

static int compare_flags(
	struct pushing *p, const struct group *g, struct uidset *uids, struct err *err)
{
	static const struct flags none = {0};
	struct uid_iter it = {0};
	uint32_t uid;

	int rc = compare_shown(p, g, uids, err);
	if (rc == 0 && !uidset_empty(uids)) /* Courier shows what is new at a NOOP only */
		rc = imap_noop(p->w->imap, err) != 0 ? -1 : compare_shown(p, g, uids, err);
	/* Of what was not shown nothing is known: flags that are there after all agree. */
	while (rc == 0 && (uid = uidset_next(uids, &it)) != 0)
		rc = disagree(p, g, uid, &none, err);
	return rc;
}

int push_check_flags(struct pushing *p, const struct group *g, struct err *err)
{
	struct uidset uids = {0};
	bool before = *p->again;
	int rc = 0;

	for (size_t i = 0; i < g->count && !p->w->keeps_flags; i++) {
		struct flags flags = push_flags_sent(p, &g->items[i]);
		if (g->items[i].uid != 0 && !flags_empty(&flags))
			uidset_add(&uids, g->items[i].uid);
	}
	if (!uidset_empty(&uids)) {
		*p->again = false;
		rc = compare_flags(p, g, &uids, err);
		p->w->keeps_flags = rc == 0 && !*p->again;
		*p->again |= before;
	}
	uidset_fini(&uids);
	return rc;
}
