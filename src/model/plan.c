#include "model/plan.h"

const char *op_kind_name(enum op_kind kind)
{
	switch (kind) {
	case OP_ADOPT:
		return "adopt";
	case OP_MOVE_HERE:
		return "move here";
	case OP_MOVE_THERE:
		return "move there";
	case OP_APPEND:
		return "append";
	case OP_FLAGS_THERE:
		return "flags there";
	case OP_FETCH:
		return "fetch";
	case OP_FLAGS_HERE:
		return "flags here";
	case OP_AGREE:
		return "agree";
	case OP_REFRESH:
		return "refresh";
	case OP_FORGET:
		return "forget";
	case OP_KEEP:
		return "keep";
	case OP_DELETE_THERE:
		return "delete there";
	case OP_DELETE_HERE:
		return "delete here";
	case OP_KIND_COUNT:
		break;
	}
	return "none";
}
