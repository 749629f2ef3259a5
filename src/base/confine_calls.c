/*
 * A filter of system calls (seccomp), written as the few instructions that it is: it needs no
 * library. It denies what no part of this program, of glibc, OpenSSL, the resolver or GSSAPI does,
 * and what somebody who took over the process would do next: look into other processes, get at
 * rarely used and often broken parts of the kernel, become root in a namespace of their own, type
 * into the terminal for the shell that comes after us.
 *
 * A list of what is denied, not of what is allowed: what libraries call changes from release to
 * release, and a program that dies of a new libc is worse than what a full list would keep out.
 * What is denied fails with an error, as it does on a kernel that lacks it; nothing is killed.
 *
 * Not denied: keyctl() and its kin (a Kerberos cache may lie in the kernel's keyring), netlink
 * sockets (getaddrinfo() asks for the addresses of this machine), fork() and signals (tunnels).
 */
#include "base/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

/* ---- the machine ---- */

#if defined(__x86_64__) && !defined(__ILP32__)
#define MACHINE AUDIT_ARCH_X86_64
#define FOREIGN_CALLS 0x40000000u /* numbers from here on are those of x32 */
#elif defined(__i386__)
#define MACHINE AUDIT_ARCH_I386
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined(__arm__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MACHINE AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define MACHINE AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MACHINE AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define MACHINE AUDIT_ARCH_S390X
#endif /* else: not filtered */

#ifdef MACHINE

#ifdef __s390x__
#define CLONE_FLAGS_ARGUMENT 1
#else
#define CLONE_FLAGS_ARGUMENT 0
#endif

/* The lower half of argument I, which is all of what is looked at. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define ARGUMENT(i) (offsetof(struct seccomp_data, args[i]) + 4)
#else
#define ARGUMENT(i) offsetof(struct seccomp_data, args[i])
#endif

/* ---- what is denied ---- */

static const unsigned denied[] = {
#if !CONFINE_SANITIZED
	__NR_ptrace, /* the leak sanitizer stops our own threads with it */
#endif
	__NR_process_vm_readv,
	__NR_process_vm_writev,
	__NR_kcmp,
	__NR_pidfd_getfd,
	/* programs: what is started is started by the helper, which has no filter */
	__NR_execve,
	__NR_execveat,
	/* namespaces and mounts */
	__NR_unshare,
	__NR_setns,
	__NR_mount,
	__NR_umount2,
	__NR_pivot_root,
	__NR_chroot,
	__NR_move_mount,
	__NR_open_tree,
	__NR_fsopen,
	__NR_fsconfig,
	__NR_fsmount,
	__NR_fspick,
	__NR_mount_setattr,
	__NR_open_by_handle_at,
	/* parts of the kernel that a mail program has no use for */
	__NR_bpf,
	__NR_perf_event_open,
	__NR_userfaultfd,
	__NR_io_uring_setup,
	__NR_io_uring_enter,
	__NR_io_uring_register,
	__NR_fanotify_init,
	__NR_acct,
	__NR_quotactl,
	__NR_personality,
	/* the machine */
	__NR_init_module,
	__NR_finit_module,
	__NR_delete_module,
	__NR_kexec_load,
	__NR_reboot,
	__NR_swapon,
	__NR_swapoff,
	__NR_syslog,
	__NR_sethostname,
	__NR_setdomainname,
	__NR_settimeofday,
	__NR_clock_settime,
	__NR_clock_adjtime,
	__NR_adjtimex,
#ifdef __NR_kexec_file_load
	__NR_kexec_file_load,
#endif
#if defined(__x86_64__) || defined(__i386__)
	__NR_iopl,
	__NR_ioperm,
	__NR_modify_ldt,
#endif
};

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
		CLONE_NEWPID | CLONE_NEWNET)

/* Of sockets only these families: the others are where old code lies about. */
static const unsigned families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
/* Typing into the terminal. */
static const unsigned controls[] = {TIOCSTI, TIOCLINUX};

/* ---- the program ---- */

#define PROGRAM_MAX 160 /* jumps reach 255 instructions */

struct program {
	struct sock_filter code[PROGRAM_MAX];
	unsigned short count;
};

static void add(struct program *p, struct sock_filter instruction)
{
	ASSERT(p->count < PROGRAM_MAX);
	p->code[p->count++] = instruction;
}

static void load(struct program *p, size_t offset)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

static void end(struct program *p, unsigned verdict)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict));
}

/* If what was loaded compares so with VALUE, go on, else leave out the next SKIP instructions. */
static void unless(struct program *p, unsigned comparison, unsigned value, unsigned char skip)
{
	add(p, (struct sock_filter)BPF_JUMP(
		       (unsigned short)(BPF_JMP | BPF_K | comparison), value, 0, skip));
}

/* ERROR if what was loaded is one of VALUES. */
static void deny(struct program *p, const unsigned *values, size_t count, int error)
{
	for (size_t i = 0; i < count; i++) {
		unless(p, BPF_JEQ, values[i], 1);
		end(p, SECCOMP_RET_ERRNO | (unsigned)error);
	}
}

/* Another kind of call than this program was made for has other numbers: none is right. */
static void only_ours(struct program *p)
{
	load(p, offsetof(struct seccomp_data, arch));
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_K | BPF_JEQ, MACHINE, 1, 0));
	end(p, SECCOMP_RET_ERRNO | EPERM);
	load(p, offsetof(struct seccomp_data, nr));
#ifdef FOREIGN_CALLS
	unless(p, BPF_JGE, FOREIGN_CALLS, 1);
	end(p, SECCOMP_RET_ERRNO | EPERM);
#endif
}

/* Each of these three, if it is that call, ends the program: what was loaded is its argument. */

static void judge_clone(struct program *p)
{
	unless(p, BPF_JEQ, __NR_clone, 4);
	load(p, ARGUMENT(CLONE_FLAGS_ARGUMENT));
	unless(p, BPF_JSET, NAMESPACES, 1);
	end(p, SECCOMP_RET_ERRNO | EPERM);
	end(p, SECCOMP_RET_ALLOW);
	/* Its flags lie in memory, where no filter can look. glibc takes clone() then. */
	unless(p, BPF_JEQ, __NR_clone3, 1);
	end(p, SECCOMP_RET_ERRNO | ENOSYS);
}

static void judge_socket(struct program *p)
{
	unless(p, BPF_JEQ, __NR_socket, (unsigned char)(2 + 2 * COUNT_OF(families)));
	load(p, ARGUMENT(0));
	for (size_t i = 0; i < COUNT_OF(families); i++) {
		unless(p, BPF_JEQ, families[i], 1);
		end(p, SECCOMP_RET_ALLOW);
	}
	end(p, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
}

static void judge_ioctl(struct program *p)
{
	unless(p, BPF_JEQ, __NR_ioctl, (unsigned char)(2 + 2 * COUNT_OF(controls)));
	load(p, ARGUMENT(1));
	deny(p, controls, COUNT_OF(controls), EPERM);
	end(p, SECCOMP_RET_ALLOW);
}

static int install(struct program *p)
{
	struct sock_fprog program = {.len = p->count, .filter = p->code};
	long rc;

	/* Without SPEC_ALLOW kernels before 5.16 make the whole process slower for its sake. */
	rc = syscall(
		__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
	if (rc != 0 && errno == EINVAL)
		rc = syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
	return rc == 0 ? 0 : -1;
}

bool confine_calls(void)
{
	struct program p = {0};

	only_ours(&p);
	deny(&p, denied, COUNT_OF(denied), EPERM);
	judge_clone(&p);
	judge_socket(&p);
	judge_ioctl(&p);
	end(&p, SECCOMP_RET_ALLOW);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && install(&p) == 0;
}

#else

bool confine_calls(void)
{
	return false;
}

#endif
