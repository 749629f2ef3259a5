#include "cli/profile.h"

void profile_text(const struct quirk_choice *choice, const char *nothing, struct buf *out)
{
	const struct quirk_profile *profile = choice->profile;

	if (!choice->by)
		buf_add_str(out, nothing);
	else
		buf_addf(out, "%s, by %s%s%s", profile ? profile->name : "none", choice->by,
			profile ? ": " : "", profile ? profile->about : "");
}

void profile_json(const struct quirk_choice *choice, struct json *json)
{
	json_string(json, "profile", choice->profile ? choice->profile->name : NULL);
	json_string(json, "profile_by", choice->by);
}
