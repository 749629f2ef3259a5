/*
 * What a pass says: events of the report, with the names that everybody needs in them filled in.
 */
#include "sync/pass.h"
#include "sync/unwind.h"

void pass_failed(struct pass *pass, const struct box *box, uint32_t uid, const char *file,
	const struct err *err)
{
	struct report_event event = {
		.kind = REPORT_FAILED,
		.account = pass->account->name,
		.mailbox = box ? box->name : "",
		.uid = uid,
		.file = file,
		.reason = err->msg,
		.err = err,
	};
	atomic_fetch_add(&pass->report->totals.failed, 1);
	report_failed(pass->report, sync_failure_status(err));
	report_event(pass->report, &event);
}

void pass_unproven(struct pass *pass, struct box *box, const char *reason)
{
	struct err why = {0};

	if (box->unproven)
		return;
	box->unproven = true;
	err_set(&why, ERR_CONFLICT, "%s", reason);
	pass_failed(pass, box, 0, NULL, &why);
}

void pass_tell(
	struct pass *pass, enum report_event_kind kind, const char *mailbox, const char *reason)
{
	struct report_event event = {
		.kind = kind, .account = pass->account->name, .mailbox = mailbox, .reason = reason};
	report_event(pass->report, &event);
}

void pass_tell_op(struct pass *pass, const struct box *box, const struct op *op)
{
	struct report_event event = {
		.kind = REPORT_OP,
		.account = pass->account->name,
		.mailbox = box->name,
		.uid = op->uid,
		.file = op->name,
		.operation = op_kind_name(op->kind),
		.reason = op->reason,
	};
	report_event(pass->report, &event);
}
