/*
 * Mailboxes that changed places on the server: RENAME A t, RENAME B A, RENAME t B.
 *
 * To each of them that is a new UIDVALIDITY, or another MAILBOXID: a new id, and both sides are
 * compared (identity.c). What the server has there now would be fetched, though its files are in
 * the folder of another mailbox, and what the folder holds be sent. But the rows under the former
 * id of that other mailbox speak of just these UIDs: so nothing is done about such a mailbox before
 * all have been looked at, and then the files follow, UID by UID (renamed.c). What is left is
 * compared as ever.
 *
 * Each step can be repeated: a mailbox keeps its former rows until nothing is left to do about it,
 * and a file whose new row was not written before the program was killed is new on both sides then,
 * and is paired. Until every file has followed, none of these mailboxes is worked on: what waits in
 * the folder of one for its way to another would be sent.
 *
 * Equal numbers alone prove nothing (servers give several mailboxes the same UIDVALIDITY): a
 * mailbox counts as the source only if it lost its own, and each message has to be equal. If the
 * mailbox that they point to is as ever, nothing is waited for.
 */
#include "sync/moves.h"

/* Can KNOWN be the server's mailbox that BOX stands for now? */
static bool is_mailbox(const struct known_row *known, const struct box *box)
{
	bool other_ids = known->mailboxid.n > 0 && box->row.mailboxid.n > 0 &&
			 !slice_eq(known->mailboxid, box->row.mailboxid);

	return known->id != box->row.id && known->id != box->former && known->uidvalidity != 0 &&
	       known->uidvalidity == box->row.uidvalidity && !other_ids;
}

int turned_load_rows(struct pass *pass, struct state_read *read, struct err *err)
{
	struct state_mailbox row;
	size_t room = 0, count = 0;
	uint32_t after = 0;
	int rc;

	pass->known = NULL;
	while ((rc = state_next_mailbox(read, after, &row, err)) == 1) {
		after = row.id + 1;
		if (count == room) {
			struct known_row *more =
				arena_alloc(&pass->arena, (2 * room + 16) * sizeof(*more));
			for (size_t i = 0; i < count; i++)
				more[i] = pass->known[i];
			pass->known = more;
			room = 2 * room + 16;
		}
		pass->known[count++] = (struct known_row){
			row.id, row.uidvalidity, arena_slice(&pass->arena, row.mailboxid)};
	}
	pass->known_count = count;
	return rc;
}

bool turned_expected(const struct pass *pass, const struct box *box)
{
	uint32_t now = box->status.uidvalidity;

	if (!box->status.known || (box->row.uidvalidity == now && box->former == 0))
		return false;
	for (size_t i = 0; i < pass->known_count; i++)
		if (pass->known[i].id != box->row.id && pass->known[i].uidvalidity == now)
			return true;
	return false;
}

bool turned_has(const struct pass *pass, const struct box *box)
{
	if (box->former == 0 || box->followed || !policy_moves_here(&pass->policy))
		return false;
	for (size_t i = 0; i < pass->known_count; i++)
		if (is_mailbox(&pass->known[i], box))
			return true;
	return false;
}

bool turned_is_source(const struct pass *pass, const struct box *from, const struct box *to)
{
	for (size_t i = 0; from != to && from->former != 0 && i < pass->known_count; i++)
		if (pass->known[i].id == from->former && is_mailbox(&pass->known[i], to))
			return true;
	return false;
}

bool turned_is_proven(const struct pass *pass, const struct box *from, const struct box *to)
{
	for (size_t i = 0; to->row.mailboxid.n > 0 && i < pass->known_count; i++)
		if (pass->known[i].id == from->former)
			return slice_eq(pass->known[i].mailboxid, to->row.mailboxid);
	return false;
}

static const struct box *find_box(const struct pass *pass, uint32_t id)
{
	for (size_t i = 0; i < pass->box_count; i++)
		if (pass->boxes[i].row.id == id || pass->boxes[i].former == id)
			return &pass->boxes[i];
	return NULL;
}

/* May files of BOX be in the folder of a mailbox that could not be looked at, or is not asked for?
 */
static bool lacks_source(const struct pass *pass, const struct box *box)
{
	for (size_t i = 0; i < pass->known_count; i++) {
		if (!is_mailbox(&pass->known[i], box))
			continue;
		const struct box *source = find_box(pass, pass->known[i].id);
		if (source ? source->incomplete || source->displaced
			   : pass->options->mailbox_count > 0)
			return true;
	}
	return false;
}

/* Did BOX turn, or is one that did what BOX was? */
static bool takes_part(const struct pass *pass, const struct box *box)
{
	for (size_t i = 0; !box->turned && i < pass->box_count; i++)
		if (pass->boxes[i].turned && turned_is_source(pass, &pass->boxes[i], box))
			return true;
	return box->turned;
}

static void leave_alone(struct pass *pass, struct box *box)
{
	struct err why = {0};

	box->held_there = box->held_here = false;
	if (box->incomplete)
		return; /* told already */
	box->incomplete = true;
	err_set(&why, ERR_CONFLICT,
		"it changed places on the server with a mailbox that this pass could not look at: "
		"a pass over all mailboxes goes on");
	pass_failed(pass, box, 0, NULL, &why);
}

void turned_settle(struct pass *pass)
{
	bool any = false, failed = false;

	for (size_t i = 0; i < pass->box_count; i++)
		any |= pass->boxes[i].turned;
	for (size_t i = 0; any && i < pass->box_count; i++) {
		const struct box *box = &pass->boxes[i];
		failed |= takes_part(pass, box) && (box->incomplete || lacks_source(pass, box));
	}
	for (size_t i = 0; failed && i < pass->box_count; i++)
		if (takes_part(pass, &pass->boxes[i]))
			leave_alone(pass, &pass->boxes[i]);
	for (size_t i = 0; any && i < pass->box_count; i++) {
		pass->boxes[i].followed = pass->boxes[i].turned;
		pass->boxes[i].turned = false;
	}
}
