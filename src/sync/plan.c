/*
 * What is done about each message, given what changed on both sides since they last agreed:
 *
 *     server           here            operation
 *     new              -               fetch
 *     -                new             append
 *     new              new, equal      adopt, then as if the flags of both had changed
 *     flags            flags           merge bit by bit: flags there, flags here, or just agree
 *     gone             - / flags       delete here
 *     - / flags        gone            delete there
 *     gone             gone            forget
 *
 * A deletion wins over a flag change: somebody threw the message away, and a reader that marks
 * everything as read must not bring it back. What the policy switches off leaves the row as it is,
 * so that the difference is found again by the first pass under another policy; only for a deletion
 * the row learns which side is left ("keep").
 *
 * A flag bit is carried from the side that changed it to the other. Rejected: "the newest wins"
 * (needs clocks of two machines) and "one side wins" (loses what was done on the other). Bits are
 * independent, so there is nothing to win: a bit that both changed has, as it has only two values,
 * been changed to the same.
 */
#include "sync/plan.h"

#include <stdlib.h>

struct planner {
	struct arena *arena;
	const struct plan_input *in;
	struct plan *plan;
	size_t room;
};

static struct op *add(struct planner *p, enum op_kind kind, uint32_t uid, const char *reason)
{
	ASSERT(p->plan->count < p->room);
	struct op *op = &p->plan->ops[p->plan->count++];
	*op = (struct op){.kind = kind, .uid = uid, .reason = reason};
	return op;
}

struct flags plan_flags_carried(const struct policy *policy, enum side side, struct flags mask)
{
	static const struct flags none = {0};

	return policy->flags & (side == SIDE_THERE ? WAY_PULL : WAY_PUSH) ? mask : none;
}

/* One message that both sides hold: carry each changed bit to the side that lacks it. */
static void merge_flags(struct planner *p, uint32_t uid, const struct flags *base,
	const struct flags *there, const struct flags *here, const char *name)
{
	const struct policy *policy = p->in->policy;
	struct flags mask_there = plan_flags_carried(policy, SIDE_THERE, p->in->mask_there);
	struct flags mask_here = plan_flags_carried(policy, SIDE_HERE, p->in->mask_here);

	struct flags there_changed = flags_xor(there, base);
	there_changed = flags_and(&there_changed, &mask_there);
	struct flags here_changed = flags_xor(here, base);
	here_changed = flags_and(&here_changed, &mask_here);
	struct flags agreed = flags_merge(base, there, here, &mask_there, &mask_here);

	struct flags push = flags_minus(&here_changed, &there_changed);
	struct flags storable = flags_and(&push, &p->in->mask_there);
	if (!flags_empty(&storable)) {
		struct op *op = add(p, OP_FLAGS_THERE, uid, "flags changed here");
		op->change = storable;
		op->flags = flags_xor(there, &storable);
	}

	struct flags pull = flags_minus(&there_changed, &here_changed);
	if (!flags_empty(&pull)) {
		struct op *op = add(p, OP_FLAGS_HERE, uid, "flags changed on the server");
		op->change = pull;
		op->flags = flags_xor(here, &pull);
		op->name = name;
	}

	/* Bits that need no carrying: changed alike on both sides, or here to something the server
	 * can't keep. */
	struct flags settled = flags_and(&there_changed, &here_changed);
	struct flags unstorable = flags_minus(&push, &storable);
	settled = flags_or(&settled, &unstorable);
	if (!flags_empty(&settled)) {
		struct op *op = add(p, OP_AGREE, uid, "flags are the same on both sides");
		op->change = settled;
		op->flags = agreed;
	}
	if (name)
		add(p, OP_REFRESH, uid, "a mail reader renamed the file")->name = name;
}

static bool carries_gone(const struct policy *policy, enum side side)
{
	return policy->deletes & (side == SIDE_THERE ? WAY_PULL : WAY_PUSH);
}

bool plan_carries_kept(const struct policy *policy, enum side side, const struct flags *base)
{
	enum side left = side == SIDE_THERE ? SIDE_HERE : SIDE_THERE;
	bool marked = base->system & FLAG_DELETED && !(policy->expunge & left);

	return carries_gone(policy, side) && !marked;
}

/* GONE from SIDE. */
static void plan_gone(
	struct planner *p, const struct change *gone, enum side side, const char *name)
{
	bool carry = carries_gone(p->in->policy, side);

	if (carry && side == SIDE_THERE)
		add(p, OP_DELETE_HERE, gone->uid, "deleted on the server")->name = name;
	else if (carry)
		add(p, OP_DELETE_THERE, gone->uid, "deleted here");
	else
		add(p, OP_KEEP, gone->uid,
			side == SIDE_THERE ? "deleted on the server, kept here"
					   : "deleted here, kept on the server")
			->left = side == SIDE_THERE ? SIDE_HERE : SIDE_THERE;
}

/* A message that is only on the server, marked as deleted instead of it here: somebody took the
 * mark away there, and wants it back. */
static bool is_wanted_back(const struct planner *p, const struct change *there)
{
	const struct policy *policy = p->in->policy;

	return policy->deletes & WAY_PUSH && policy->new_messages & WAY_PULL &&
	       there->kind == CHANGE_FLAGS &&
	       there->base.system & ~there->flags.system & FLAG_DELETED;
}

/* A message that only the side of CHANGE holds: nothing is carried, the row follows. */
static void plan_alone(struct planner *p, const struct change *change)
{
	if (change->kind == CHANGE_GONE) {
		add(p, OP_FORGET, change->uid, "gone on both sides");
		return;
	}
	if (change->kind == CHANGE_FLAGS) {
		struct op *op = add(p, OP_AGREE, change->uid, "only one side holds the message");
		op->change = flags_xor(&change->flags, &change->base);
		op->flags = change->flags;
	}
	if (change->name)
		add(p, OP_REFRESH, change->uid, "a mail reader renamed the file")->name =
			change->name;
}

/* Was all about CHANGE, a message gone from SIDE, done when the row learned it? */
static bool is_done(const struct planner *p, const struct change *change, enum side side)
{
	return change && change->kind == CHANGE_GONE && change->kept &&
	       !plan_carries_kept(p->in->policy, side, &change->base);
}

static void plan_known(struct planner *p, const struct change *there, const struct change *here)
{
	uint32_t uid = there ? there->uid : here->uid;
	bool gone_there = there && there->kind == CHANGE_GONE;
	bool gone_here = here && here->kind == CHANGE_GONE;

	if (gone_there && gone_here) {
		add(p, OP_FORGET, uid, "gone on both sides");
	} else if (there && there->alone && is_wanted_back(p, there)) {
		add(p, OP_FETCH, uid, "not deleted on the server any more");
	} else if (there && there->alone && !gone_here) {
		plan_alone(p, there);
	} else if (here && here->alone && !gone_there) {
		plan_alone(p, here);
	} else if (gone_there) {
		plan_gone(p, there, SIDE_THERE, here ? here->name : NULL);
	} else if (gone_here) {
		plan_gone(p, here, SIDE_HERE, NULL);
	} else {
		const struct flags *base = there ? &there->base : &here->base;
		merge_flags(p, uid, base, there ? &there->flags : base,
			here && here->kind == CHANGE_FLAGS ? &here->flags : base,
			here ? here->name : NULL);
	}
}

/* Both lists are sorted by UID and hold each UID once. */
static void plan_changes(struct planner *p)
{
	const struct changes *c = p->in->changes;
	size_t t = 0, h = 0;

	while (t < c->there_count || h < c->here_count) {
		const struct change *there = t < c->there_count ? &c->there[t] : NULL;
		const struct change *here = h < c->here_count ? &c->here[h] : NULL;
		if (there && here && there->uid != here->uid) {
			if (there->uid < here->uid)
				here = NULL;
			else
				there = NULL;
		}
		t += there != NULL;
		h += here != NULL;
		if (is_done(p, there, SIDE_THERE))
			there = NULL;
		if (is_done(p, here, SIDE_HERE))
			here = NULL;
		if (there || here)
			plan_known(p, there, here);
	}
}

/*
 * A message that a pass cut short has sent. Its row in the state says so: what else is known of the
 * mailbox is as good as ever, so that its deletions need not wait.
 */
static bool is_own_upload(const struct new_there *there, const struct new_here *here)
{
	return here->doubtful && here->uidnext_before > 0 && there->uid >= here->uidnext_before;
}

/*
 * An adopted message: without a former row its base is what both sides show, so flags unite;
 * \Deleted on one side only is taken back rather than carried, as nobody can tell whether it was
 * meant.
 */
static void plan_adopt(
	struct planner *p, const struct new_there *there, const struct new_here *here)
{
	struct flags base;
	if (here->has_former) {
		base = here->former;
	} else {
		base = flags_and(&there->flags, &here->flags);
		base.system |= (there->flags.system | here->flags.system) & FLAG_DELETED;
	}
	struct op *op = add(p, OP_ADOPT, there->uid, "the same message is on both sides");
	op->flags = base;
	op->name = here->name;
	op->from_here = here;
	op->from_there = there;
	p->plan->pairs |= !is_own_upload(there, here);
	merge_flags(p, there->uid, &base, &there->flags, &here->flags, NULL);
}

/* What was refused, or answered with OK and is not there all the same, only if it is asked for. */
bool plan_may_send(const struct policy *policy, const struct new_here *here)
{
	if (!(policy->new_messages & WAY_PUSH) || here->tried)
		return false;
	if (here->refused)
		return policy->retry && !here->held;
	return !here->answered && !here->held;
}

static void plan_news(struct planner *p)
{
	const struct changes *c = p->in->changes;
	const struct policy *policy = p->in->policy;
	bool *paired = arena_zalloc(p->arena, c->new_here_count + 1);

	for (size_t i = 0; i < c->new_there_count; i++) {
		const struct new_there *there = &c->new_there[i];
		int32_t partner = p->in->partner ? p->in->partner[i] : -1;
		if (partner >= 0) {
			paired[partner] = true;
			plan_adopt(p, there, &c->new_here[partner]);
		} else if (policy->new_messages & WAY_PULL) {
			add(p, OP_FETCH, there->uid, "new on the server")->from_there = there;
		}
	}
	for (size_t i = 0; i < c->new_here_count; i++) {
		const struct new_here *here = &c->new_here[i];
		if (paired[i] || !plan_may_send(policy, here))
			continue;
		struct op *op = add(p, OP_APPEND, 0, "new here");
		op->name = here->name;
		op->flags = here->flags;
		op->from_here = here;
	}
}

static int compare_ops(const void *a, const void *b)
{
	const struct op *x = a, *y = b;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	/* Appends have no UID: keep the order of the news, whose records lie in one array. */
	return x->from_here < y->from_here ? -1 : x->from_here > y->from_here;
}

void plan_make(struct arena *arena, const struct plan_input *input, struct plan *out)
{
	const struct changes *c = input->changes;
	struct planner p = {.arena = arena, .in = input, .plan = out};

	/* A message can need flags there, flags here, agree and refresh; an adopted one three of
	 * these on top of adopt. */
	p.room = 4 * (c->there_count + c->here_count + c->new_there_count) + c->new_here_count;
	*out = (struct plan){.ops = arena_alloc(arena, (p.room + 1) * sizeof(struct op))};
	plan_changes(&p);
	plan_news(&p);
	qsort(out->ops, out->count, sizeof(struct op), compare_ops);
}
