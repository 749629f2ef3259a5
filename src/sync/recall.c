/*
 * Which login the server took. Some servers announce a login that they then refuse, and take a
 * weaker one (see imap/mechanism.c). To find that out anew in each pass would cost a refused login
 * a pass: many servers pause for seconds then, and programs that lock out who guesses passwords
 * count it. So the state keeps how many steps down it was, for the auth.mechanisms of that time.
 * When the login fails all the same it is forgotten, and the next pass begins with the strongest.
 */
#include "sync/pass.h"

#define KEY "login"
#define STEPS_MOST 10

/* "STEPS MECHANISM...", as the state keeps it. */
static void describe(const struct pass *pass, unsigned steps, struct buf *out)
{
	const struct config_list *named = &pass->account->mechanisms;

	buf_addf(out, "%u", steps);
	for (size_t i = 0; i < named->count; i++)
		buf_addf(out, " %s", named->items[i]);
}

/* The steps that THEN tells of, 0 if it is about other mechanisms. */
static unsigned steps_of(const struct pass *pass, struct slice then)
{
	struct buf same = {0};
	uint64_t steps = 0;
	size_t digits = 0;

	while (digits < then.n && then.p[digits] != ' ')
		digits++;
	if (!slice_number((struct slice){then.p, digits}, STEPS_MOST, &steps))
		return 0;
	describe(pass, (unsigned)steps, &same);
	bool valid = slice_eq(then, buf_slice(&same));
	buf_fini(&same);
	return valid ? (unsigned)steps : 0;
}

int pass_open_access(struct pass *pass, struct err *err)
{
	struct state_read *read = NULL;
	struct slice then;
	int rc;

	if (access_open(&pass->access, pass->account, err) != 0)
		return -1;
	if (!pass->state)
		return 0;
	if (state_read_begin(pass->state, &read, err) != 0)
		return -1;
	rc = state_get_text(read, KEY, &then, err);
	pass->recalled = rc == 1 ? steps_of(pass, then) : 0;
	atomic_store(&pass->access.refused, pass->recalled);
	state_read_end(read);
	return rc < 0 ? -1 : 0;
}

static int keep(struct pass *pass, unsigned steps, struct err *err)
{
	struct buf now = {0};

	if (!pass->settler || steps == pass->recalled)
		return 0;
	describe(pass, steps, &now);
	int rc = settle_text(pass->settler, KEY, buf_slice(&now), err);
	buf_fini(&now);
	pass->recalled = steps;
	return rc;
}

int pass_note_login(struct pass *pass, struct err *err)
{
	return keep(pass, atomic_load(&pass->access.refused), err);
}

int pass_forget_login(struct pass *pass, struct err *err)
{
	return keep(pass, 0, err);
}
