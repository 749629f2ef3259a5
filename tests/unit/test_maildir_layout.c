/*
 * Names and folders: tables, exact round trips, nothing that leaves the root, walking.
 */
#include "tests/unit/maildir_tree.h"
#include "base/log.h"
#include "model/name.h"

static const char *layout_name(enum maildir_layout layout)
{
	return layout == MAILDIR_NESTED ? "nested" : "maildir++";
}

/* NAME and PATH lead to each other; NULL: there is none. */
static const struct {
	const char *name, *nested, *plusplus;
} pairs[] = {
	{"INBOX", "INBOX", "."},
	{"INBOX/sub", "INBOX/sub", ".INBOX.sub"},
	{"A", "A", ".A"},
	{"A/B/C", "A/B/C", ".A.B.C"},
	{"a/inbox", "a/inbox", ".a.inbox"},
	{"Entwürfe", "Entwürfe", ".Entw&APw-rfe"},
	{"台北/日本語", "台北/日本語", ".&U,BTFw-.&ZeVnLIqe-"},
	{"a&b", "a&b", ".a&-b"},
	{"cur", "%63ur", ".cur"},
	{"new/tmp", "%6Eew/%74mp", ".new.tmp"},
	{"cur2/Cur", "cur2/Cur", ".cur2.Cur"},
	{".hidden", "%2Ehidden", ".%2Ehidden"},
	{"..", "%2E.", ".%2E%2E"},
	{".", "%2E", ".%2E"},
	{"../../etc/passwd", "%2E./%2E./etc/passwd", ".%2E%2E.%2E%2E.etc.passwd"},
	{"v1.2", "v1.2", ".v1%2E2"},
	{"a%2Fb", "a%2Fb", ".a%2Fb"},
	{"%2F", "%2F", ".%2F"},
	{"%", "%", ".%"},
	{"%/a/%", "%/a/%", ".%.a.%"},
	{"%25", "%25", ".%25"},
	{"50% off", "50% off", ".50% off"},
	{"50% für", "50% für", ".50% f&APw-r"},
	{"%2563ur", "%2563ur", ".%2563ur"},
	{"%252e", "%252e", ".%252e"},
	{"%.A", "%.A", ".%%2EA"},
	{"%2.E", "%2.E", ".%2%2EE"},
	{"tab%09", "tab%09", ".tab&AAk-"},
	{"bad%FF", "bad%FF", ".bad%FF"},
	{"bad%FFü.%2541", "bad%FFü.%2541", ".bad%FF%C3%BC%2E%2541"},
	{" a ", " a ", ". a "},
	{"a:b", "a:b", ".a:b"},
	{"~", "~", ".~"},
	/* no canonical names: nothing may lead anywhere */
	{"", NULL, NULL},
	{"/", NULL, NULL},
	{"/etc/passwd", NULL, NULL},
	{"a/", NULL, NULL},
	{"a//b", NULL, NULL},
	{"inbox", NULL, NULL},
	{"Inbox/a", NULL, NULL},
	{"a%41", NULL, NULL},
	{"a%2f", NULL, NULL},
	{"a%00", NULL, NULL},
	{"a\tb", NULL, NULL},
	{"\xff", NULL, NULL},
};

static void check_path(enum maildir_layout layout, const char *name, const char *wanted)
{
	struct buf out = {0};

	buf_add_str(&out, "x");
	bool good = maildir_path(layout, slice_str(name), &out);
	if (good != (wanted != NULL) || strcmp(out.data + 1, wanted ? wanted : "") != 0)
		fail_msg("%s: \"%s\" leads to \"%s\"", layout_name(layout), name, out.data + 1);
	buf_clear(&out);
	buf_add_str(&out, "x");
	if (wanted &&
		(!maildir_name(layout, slice_str(wanted), &out) || strcmp(out.data + 1, name) != 0))
		fail_msg("%s: \"%s\" does not lead back to \"%s\" but to \"%s\"",
			layout_name(layout), wanted, name, out.data + 1);
	buf_fini(&out);
}

static void test_pairs(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		check_path(MAILDIR_NESTED, pairs[i].name, pairs[i].nested);
		check_path(MAILDIR_PLUSPLUS, pairs[i].name, pairs[i].plusplus);
	}
}

/* Folders that no name leads to. */
static void test_no_names(void **state UNUSED)
{
	static const struct {
		enum maildir_layout layout;
		const char *path;
	} rows[] = {
		{MAILDIR_NESTED, ""},
		{MAILDIR_NESTED, "/a"},
		{MAILDIR_NESTED, "a//b"},
		{MAILDIR_NESTED, "a/"},
		{MAILDIR_NESTED, ".."},
		{MAILDIR_NESTED, ".a"},
		{MAILDIR_NESTED, "cur"},
		{MAILDIR_NESTED, "a/new"},
		{MAILDIR_NESTED, "inbox"},
		{MAILDIR_NESTED, "a%41"},
		{MAILDIR_NESTED, "a%2f"},
		{MAILDIR_NESTED, "%2eb"},
		{MAILDIR_NESTED, "a/%62c%64"},
		{MAILDIR_NESTED, "%c3%a9"},
		{MAILDIR_NESTED, "a\tb"},
		{MAILDIR_NESTED, "\xff"},
		{MAILDIR_PLUSPLUS, ""},
		{MAILDIR_PLUSPLUS, "a"},
		{MAILDIR_PLUSPLUS, ".."},
		{MAILDIR_PLUSPLUS, ".a."},
		{MAILDIR_PLUSPLUS, ".a..b"},
		{MAILDIR_PLUSPLUS, ".INBOX"},
		{MAILDIR_PLUSPLUS, ".inbox.a"},
		{MAILDIR_PLUSPLUS, ".a%41"},
		{MAILDIR_PLUSPLUS, ".%61.b"},
		{MAILDIR_PLUSPLUS, ".a%2e"},
		{MAILDIR_PLUSPLUS, ".a&b"},
		{MAILDIR_PLUSPLUS, ".Entwürfe"},
		{MAILDIR_PLUSPLUS, ".a&AGI-"},
		{MAILDIR_PLUSPLUS, ".a%00"},
		{MAILDIR_PLUSPLUS, ".a/b"},
	};
	struct buf out = {0};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (maildir_name(rows[i].layout, slice_str(rows[i].path), &out))
			fail_msg("%s: \"%s\" leads to \"%s\"", layout_name(rows[i].layout),
				rows[i].path, out.data);
		assert_int_equal(out.len, 0);
	}
	buf_fini(&out);
}

/* Second spellings, of names that the file system could not tell from others. */
static void test_spellings(void **state UNUSED)
{
	static const struct {
		enum maildir_layout layout;
		const char *path, *name;
	} rows[] = {
		{MAILDIR_NESTED, "%66oo", "foo"},
		{MAILDIR_NESTED, "%66%6Fo/%61/b", "foo/a/b"},
		{MAILDIR_NESTED, "%C3%A9tude", "étude"},
		{MAILDIR_NESTED, "%C3%A9%74ude", "étude"},
		{MAILDIR_NESTED, "a/%43ur", "a/Cur"},
		{MAILDIR_NESTED, "a/%63%75r", "a/cur"},
		{MAILDIR_NESTED, "%2E%61", ".a"},
		{MAILDIR_NESTED, "%FF%61", "%FFa"},
		{MAILDIR_NESTED, "%25%61", "%a"},
		{MAILDIR_PLUSPLUS, ".a.%62", "a/b"},
		{MAILDIR_PLUSPLUS, ".%26AOk-", "é"},
		{MAILDIR_PLUSPLUS, ".a%2E%62", NULL},
		{MAILDIR_PLUSPLUS, ".%61%2Eb", "a.b"},
	};
	struct buf out = {0};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		buf_clear(&out);
		if (maildir_name(rows[i].layout, slice_str(rows[i].path), &out) != !!rows[i].name ||
			(rows[i].name && strcmp(out.data, rows[i].name) != 0))
			fail_msg("%s: \"%s\" leads to \"%s\"", layout_name(rows[i].layout),
				rows[i].path, out.len ? out.data : "");
		assert_int_equal(
			rows[i].name && !maildir_stands_for(rows[i].layout, slice_str(rows[i].path),
						slice_str(rows[i].name)),
			0);
	}
	buf_fini(&out);
}

static void test_lengths(void **state UNUSED)
{
	char name[4200];
	struct buf out = {0};

	memset(name, 'a', sizeof(name));
	assert_true(maildir_path(MAILDIR_NESTED, (struct slice){name, 255}, &out));
	assert_true(maildir_name(MAILDIR_NESTED, (struct slice){name, 255}, &out));
	buf_clear(&out);
	assert_false(maildir_path(MAILDIR_NESTED, (struct slice){name, 256}, &out));
	assert_true(maildir_path(MAILDIR_PLUSPLUS, (struct slice){name, 254}, &out));
	buf_clear(&out);
	assert_false(maildir_path(MAILDIR_PLUSPLUS, (struct slice){name, 255}, &out));
	name[0] = '.';
	assert_true(maildir_path(MAILDIR_NESTED, (struct slice){name, 253}, &out));
	buf_clear(&out);
	assert_false(maildir_path(MAILDIR_NESTED, (struct slice){name, 254}, &out));
	name[0] = 'a';
	for (size_t i = 100; i < sizeof(name); i += 100)
		name[i] = '/';
	assert_true(maildir_path(MAILDIR_NESTED, (struct slice){name, 4000}, &out));
	buf_clear(&out);
	assert_false(maildir_path(MAILDIR_NESTED, (struct slice){name, 4002}, &out));
	assert_int_equal(out.len, 0);
	buf_fini(&out);
}

/* What every path must be, whatever name it was made from. */
static bool harmless(enum maildir_layout layout, const struct buf *path)
{
	struct slice rest = buf_slice(path), level;

	if (layout == MAILDIR_PLUSPLUS)
		return path->len == 1 ? path->data[0] == '.'
				      : path->data[0] == '.' && path->data[1] != '.' &&
						!memchr(path->data, '/', path->len) &&
						!memchr(path->data, '\0', path->len);
	if (path->len == 0 || path->data[0] == '/' || path->data[path->len - 1] == '/')
		return false;
	while (name_next_level(&rest, &level))
		if (level.n == 0 || level.p[0] == '.' || memchr(level.p, '\0', level.n) ||
			slice_eq_str(level, "cur") || slice_eq_str(level, "new") ||
			slice_eq_str(level, "tmp") || slice_eq_str(level, "dovecot-keywords"))
			return false;
	return true;
}

/* Pieces that names are glued together from: what is special somewhere. */
static const char *const pieces[] = {"a", "B", "2", "E", "F", "%", "%2", "%2E", "%2F", "%25", "%00",
	".", "..", "/", "//", "cur", "new", "tmp", "dovecot-keywords", "INBOX", "inbox", "&", "&-",
	"&AOk-", "-", " ", "\t", "\x7f", "ü", "日", "\xf0\x9f\x93\xa7", "\xff", "\xc3", "%FF",
	"%C3", "\\", "*", ":", "~", ",", "+"};

static void random_name(uint64_t *seed, struct buf *out)
{
	buf_clear(out);
	for (uint32_t n = 1 + tree_random(seed) % 6; n > 0; n--)
		buf_add_str(out, pieces[tree_random(seed) % COUNT_OF(pieces)]);
}

#define RANDOM_NAMES 100000

/* Every name of a server has a harmless folder that leads back to it. */
static void test_random_server_names(void **state UNUSED)
{
	const struct name_rules rules[] = {
		{'/', false, ""}, {'.', false, ""}, {'/', true, ""}, {0, true, ""}};
	struct buf wire = {0}, name = {0}, path = {0}, back = {0};
	uint64_t seed = 1;

	for (int i = 0; i < RANDOM_NAMES; i++) {
		enum maildir_layout layout = i & 1 ? MAILDIR_PLUSPLUS : MAILDIR_NESTED;
		random_name(&seed, &wire);
		buf_clear(&name);
		buf_clear(&path);
		buf_clear(&back);
		if (!name_to_canonical(
			    &rules[tree_random(&seed) % COUNT_OF(rules)], buf_slice(&wire), &name))
			fail_msg("server name %d \"%s\" is refused", i, wire.data);
		if (!maildir_path(layout, buf_slice(&name), &path))
			fail_msg("%s: name %d \"%s\" has no folder", layout_name(layout), i,
				name.data);
		if (!harmless(layout, &path))
			fail_msg("%s: name %d \"%s\" leads to \"%s\"", layout_name(layout), i,
				name.data, path.data);
		if (!maildir_name(layout, buf_slice(&path), &back) ||
			!slice_eq(buf_slice(&back), buf_slice(&name)))
			fail_msg("%s: name %d \"%s\" -> \"%s\" -> \"%s\"", layout_name(layout), i,
				name.data, path.data, back.data);
	}
	buf_fini(&wire);
	buf_fini(&name);
	buf_fini(&path);
	buf_fini(&back);
}

/* Any bytes as a name or a path: refused or harmless, and what is taken leads back exactly. */
static void test_random_anything(void **state UNUSED)
{
	struct buf any = {0}, out = {0}, back = {0};
	uint64_t seed = 2;

	for (int i = 0; i < RANDOM_NAMES; i++) {
		enum maildir_layout layout = i & 1 ? MAILDIR_PLUSPLUS : MAILDIR_NESTED;
		random_name(&seed, &any);
		buf_clear(&out);
		if (maildir_path(layout, buf_slice(&any), &out) && !harmless(layout, &out))
			fail_msg("%s: %d \"%s\" leads to \"%s\"", layout_name(layout), i, any.data,
				out.data);
		buf_clear(&out);
		buf_clear(&back);
		if (!maildir_name(layout, buf_slice(&any), &out))
			continue;
		if (!maildir_path(layout, buf_slice(&out), &back) ||
			(!slice_eq(buf_slice(&back), buf_slice(&any)) && back.len >= any.len))
			fail_msg("%s: path %d \"%s\" -> \"%s\" -> \"%s\"", layout_name(layout), i,
				any.data, out.data, back.data);
	}
	buf_fini(&any);
	buf_fini(&out);
	buf_fini(&back);
}

/* ---- walking ---- */

static void make(struct tree *t, const char *path)
{
	GOOD(t, fs_mkdir_parents(t->root.fd, path, 0700, NULL, &t->err));
}

static void count_lines(enum log_level level, const char *line UNUSED, void *arg)
{
	if (level == LOG_LEVEL_WARN)
		++*(int *)arg;
}

static char *list(struct tree *t)
{
	struct arena arena = {0};
	struct maildir_folders folders;
	struct buf out = {0};
	struct stat st;

	GOOD(t, maildir_folders(&t->root, &arena, &folders, &t->err));
	for (size_t i = 0; i < folders.count; i++) {
		const struct maildir_folder *f = &folders.items[i];
		buf_addf(&out, "%s=%s ", f->name, f->path);
		assert_int_equal(fstatat(t->root.fd, f->path, &st, 0), 0);
		assert_true(f->inode == st.st_ino && f->device == st.st_dev);
	}
	arena_fini(&arena);
	return out.data ? buf_take(&out) : xstrdup("");
}

static void test_walk_nested(void **state UNUSED)
{
	struct tree t;
	int warnings = 0;

	tree_open(&t, MAILDIR_NESTED);
	log_set_sink(count_lines, &warnings);
	char *text = list(&t);
	assert_string_equal(text, "");
	free(text);
	static const char *const folders[] = {"INBOX", "z/B", "a", "a.b", "a/%63ur", "ü", "%2Eh"};
	for (size_t i = 0; i < COUNT_OF(folders); i++)
		GOOD(&t, maildir_create(&t.root, folders[i], &t.err));
	make(&t, "half/cur"); /* no new/ */
	make(&t, ".git/cur"); /* hidden */
	make(&t, ".git/new");
	make(&t, "a/cur/x/cur"); /* within a Maildir's own part */
	make(&t, "a/cur/x/new");
	make(&t, "odd%41/cur"); /* no name leads to it */
	make(&t, "odd%41/new");
	assert_int_equal(symlinkat("a", t.root.fd, "link"), 0);
	tree_write(&t, "file", "");
	text = list(&t);
	assert_string_equal(text, ".h=%2Eh INBOX=INBOX a=a a.b=a.b a/cur=a/%63ur z/B=z/B ü=ü ");
	assert_int_equal(warnings, 1);
	free(text);
	log_set_sink(NULL, NULL);
	tree_close(&t);
}

static void test_walk_plusplus(void **state UNUSED)
{
	struct tree t;
	int warnings = 0;

	tree_open(&t, MAILDIR_PLUSPLUS);
	log_set_sink(count_lines, &warnings);
	static const char *const folders[] = {".", ".a", ".a.b", ".INBOX.x", "plain"};
	for (size_t i = 0; i < COUNT_OF(folders); i++)
		GOOD(&t, maildir_create(&t.root, folders[i], &t.err));
	make(&t, ".half/new");
	make(&t, ".a/.inner/cur"); /* Maildir++ is flat */
	make(&t, ".a/.inner/new");
	make(&t, ".Entwürfe/cur");
	make(&t, ".Entwürfe/new");
	assert_int_equal(symlinkat(".a", t.root.fd, ".link"), 0);
	char *text = list(&t);
	assert_string_equal(text, "INBOX=. INBOX/x=.INBOX.x a=.a a/b=.a.b ");
	assert_int_equal(warnings, 1);
	free(text);
	log_set_sink(NULL, NULL);
	tree_close(&t);
}

static void test_walk_deep(void **state UNUSED)
{
	struct tree t;
	struct arena arena = {0};
	struct maildir_folders folders;
	struct buf path = {0};

	tree_open(&t, MAILDIR_NESTED);
	for (int i = 0; i < 63; i++)
		buf_add_str(&path, "d/");
	buf_add_str(&path, "x");
	make(&t, path.data);
	GOOD(&t, maildir_folders(&t.root, &arena, &folders, &t.err));
	buf_add_str(&path, "/y");
	make(&t, path.data);
	assert_int_equal(maildir_folders(&t.root, &arena, &folders, &t.err), -1);
	assert_non_null(strstr(t.err.msg, "deep"));
	buf_fini(&path);
	arena_fini(&arena);
	tree_close(&t);
}

/* What can't be read is not absent. */
static void test_walk_unreadable(void **state UNUSED)
{
	struct tree t;
	struct arena arena = {0};
	struct maildir_folders folders;
	uid_t me = geteuid();

	tree_open(&t, MAILDIR_NESTED);
	assert_int_equal(fchmod(t.root.fd, 0755), 0);
	make(&t, "open/shut/inner");
	assert_int_equal(fchmodat(t.root.fd, "open", 0755, 0), 0);
	for (mode_t mode = 0; mode <= 0666;
		mode += 0666) { /* not readable; readable, not searchable */
		assert_int_equal(fchmodat(t.root.fd, "open/shut", mode, 0), 0);
		if (me == 0)
			assert_int_equal(seteuid(65534), 0);
		int rc = maildir_folders(&t.root, &arena, &folders, &t.err);
		bool gone = maildir_is_gone(&t.root, "open/shut"),
		     inner_gone = maildir_is_gone(&t.root, "open/shut/inner"),
		     other_gone = maildir_is_gone(&t.root, "open/other");
		if (me == 0)
			assert_int_equal(seteuid(0), 0);
		assert_int_equal(rc, 0);
		assert_int_equal(folders.count, 0);
		assert_false(gone);
		assert_false(inner_gone);
		assert_true(other_gone);
	}
	assert_int_equal(fchmodat(t.root.fd, "open/shut", 0700, 0), 0);
	arena_fini(&arena);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_no_names),
		cmocka_unit_test(test_spellings),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_random_server_names),
		cmocka_unit_test(test_random_anything),
		cmocka_unit_test(test_walk_nested),
		cmocka_unit_test(test_walk_plusplus),
		cmocka_unit_test(test_walk_deep),
		cmocka_unit_test(test_walk_unreadable),
	};
	return cmocka_run_group_tests_name("maildir_layout", tests, NULL, NULL);
}
