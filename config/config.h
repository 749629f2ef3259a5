/*
 * The configuration: YAML in, plain resolved structs out. The table of all keys is
 * config/options.c: name, type, default, help, one row a key; sample.yaml, the man page and the
 * tests are checked against it.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/err.h"
#include "base/buf.h"
#include "model/policy.h"

/* Enums of config are its own, so that config depends on nothing but base and model. */
enum config_tls { CONFIG_TLS_IMPLICIT, CONFIG_TLS_STARTTLS, CONFIG_TLS_NONE };
enum config_layout { CONFIG_LAYOUT_NESTED, CONFIG_LAYOUT_MAILDIRPP };
enum config_compress { CONFIG_COMPRESS_AUTO, CONFIG_COMPRESS_YES, CONFIG_COMPRESS_NO };
enum config_secret {
	CONFIG_SECRET_NONE,
	CONFIG_SECRET_PASSWORD,
	CONFIG_SECRET_COMMAND,
	CONFIG_SECRET_FILE,
	CONFIG_SECRET_ENV,
	CONFIG_SECRET_TOKEN_COMMAND,
	CONFIG_SECRET_OAUTH
};

/* A list of strings. */
struct config_list {
	char **items; /* owned; NULL-terminated as well */
	size_t count;
};

/* auth.oauth.*; with a provider its addresses are filled in. */
struct config_oauth {
	char *provider; /* NULL: none */
	char *client_id;
	char *client_secret; /* NULL: none; wiped when freed */
	struct config_list client_secret_command;
	char *token_url, *device_url; /* https://; device_url may be NULL: no login from here */
	char *scope, *ca_file;        /* NULL: none */
};

/* Where something stands in the file; 0, 0: nowhere. */
struct config_place {
	unsigned line, column;
};

struct config_account {
	char *name;
	const char *file; /* the configuration's */
	struct config_place place,
		secret_place; /* of its name, and of where its secret comes from */
	/* server.* */
	char *host; /* NULL only with a tunnel */
	uint16_t port;
	enum config_tls tls;
	char *ca_file, *client_cert, *client_key; /* absolute, NULL: not set */
	struct config_list pins;                  /* "sha256:HEX", checked */
	struct config_list tunnel;                /* argv; count 0: none */
	unsigned connections;                     /* 1..32 */
	unsigned timeout_ms, retry_ms;
	enum config_compress compress;
	struct config_list quirks;
	/* auth.* */
	char *user;
	enum config_secret secret_kind;
	char *secret; /* password itself, file path or name of the environment variable; wiped when
			 freed */
	struct config_list secret_argv; /* commands */
	struct config_oauth oauth;      /* CONFIG_SECRET_OAUTH */
	struct config_list mechanisms;
	/* local.* */
	char *path; /* absolute */
	enum config_layout layout;
	/* rest */
	struct config_list mailboxes;
	enum way direction;
	struct policy policy; /* resolved from sync.*; approve and retry are false here */
	int64_t keep_deleted; /* seconds */
	char *state_dir;      /* state_dir/NAME, absolute */
};

struct config {
	char *file; /* where it was read from */
	char *state_dir;
	struct config_account *accounts; /* in the order of the file */
	size_t count;
};

/*
 * The file to read: EXPLICIT (from -c) or $GODWIT_CONFIG or $XDG_CONFIG_HOME/godwit/config.yaml or
 * ~/.config/godwit/config.yaml. Caller frees.
 */
char *config_find(const char *explicit_path, struct err *err);
/*
 * Read and resolve. ERR_CONFIG with "FILE:LINE:COLUMN: what is wrong; what to do", naming the
 * nearest known key where one is near.
 */
int config_load(struct config *out, const char *file, struct err *err) MUST_USE;
void config_fini(struct config *config); /* wipes secrets */
/*
 * What turned out later to be wrong with an account, too, is told with its place: ERR, if it is an
 * ERR_CONFIG, gets "FILE:LINE:COLUMN: " in front. Always -1.
 */
int config_locate(const struct config_account *account, struct config_place place, struct err *err);
struct config_account *config_account(
	const struct config *config, const char *name); /* NULL: none */

/*
 * Get the secret of an account (password, or token for token_command and oauth) appended to OUT,
 * without its final newline. Commands run as argv without a shell, stdin from /dev/null, stderr
 * passed on, at most TIMEOUT_MS milliseconds (config/program.c); a failing, silent or empty one is
 * ERR_AUTH with its exit status. A file that group or others can read is refused. OAuth:
 * config/oauth.h. The caller wipes OUT (buf_wipe). A secret with a NUL byte is ERR_AUTH. ERR_CONFIG
 * tells the place.
 */
int config_secret_get(const struct config_account *account, unsigned timeout_ms, struct buf *out,
	struct err *err) MUST_USE;

/* As far as can be told without taking the secret: a password file is there, and private. */
int config_secret_check(const struct config_account *account, struct err *err) MUST_USE;

/* What config_secret_get() gives is a token, which runs out, and not a password. */
bool config_secret_is_token(const struct config_account *account);

/* One row a key, for printing, samples and checks (options.c). */
enum config_type {
	CONFIG_STRING,
	CONFIG_PATH,
	CONFIG_NUMBER,
	CONFIG_DURATION,
	CONFIG_PERCENT,
	CONFIG_ENUM,
	CONFIG_LIST,
	CONFIG_ARGV
};
struct config_option {
	const char *key; /* "server.host" */
	enum config_type type;
	const char *values;   /* CONFIG_ENUM: "a|b|c" */
	const char *fallback; /* the default as YAML text, NULL: none */
	const char *help;     /* one line */
	bool secret;          /* never printed */
};
extern const struct config_option config_options[];
extern const size_t config_option_count;
/* The resolved value of KEY of an account as text (lists as "[a, b]"), appended to OUT; secrets as
 * "(hidden)". false: not set. */
bool config_option_text(
	const struct config_account *account, const struct config_option *option, struct buf *out);

#endif
