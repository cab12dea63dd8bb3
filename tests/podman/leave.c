// SPDX-License-Identifier: Apache-2.0
/*
 * leave.c - tries ways to leave that no hook of a cgroup sees; one line each: its name, and
 * "made" or what the kernel said
 *
 *   leave            sockets of other families, rings, the kernel's key program
 *   leave into DIR   a process started in the cgroup of DIR
 *
 * Static: it runs in an image that has no library.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *name, long result)
{
	printf("%s %s\n", name, result >= 0 ? "made" : strerrorname_np(errno));
	if (result > 0)
		close(result);
}

static void families(void)
{
	static const struct {
		const char *name;
		int family, type;
	} way[] = {
		{ "unix", AF_UNIX, SOCK_STREAM },   { "inet", AF_INET, SOCK_STREAM },
		{ "inet6", AF_INET6, SOCK_STREAM }, { "netlink", AF_NETLINK, SOCK_RAW },
		{ "packet", AF_PACKET, SOCK_RAW },  { "vsock", AF_VSOCK, SOCK_STREAM },
		{ "xdp", AF_XDP, SOCK_RAW },
	};
	unsigned passed = 0;
	int pair[2];

	for (size_t i = 0; i < sizeof(way) / sizeof(*way); i++)
		say(way[i].name, socket(way[i].family, way[i].type, 0));
	say("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	/* the kernel reads 32 of the 64 bits */
	say("wide", syscall(SYS_socket, 1ULL << 32 | AF_PACKET, SOCK_RAW, 0));
	/* a type that there is not: EINVAL is the kernel's, before it looks at the family */
	for (uint64_t family = 0; family < 256; family++) {
		if (family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
		    family == AF_NETLINK)
			continue;
		passed += syscall(SYS_socket, family, -1, 0) < 0 && errno == EINVAL;
		passed += syscall(SYS_socketpair, family, -1, 0, pair) < 0 && errno == EINVAL;
	}
	printf("others %s\n", passed ? "asked" : "none");
}

/* A packet socket by the 32-bit calls, where the family lies in memory. */
static void multiplexed(void)
{
#ifdef __x86_64__
	uint32_t *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	int status, r;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		args[0] = AF_PACKET;
		args[1] = SOCK_RAW;
		__asm__ volatile("int $0x80" : "=a"(r) : "a"(102), "b"(1), "c"(args) : "memory");
		_exit(r < 0);
	}
	waitpid(child, &status, 0);
	printf("socketcall %s\n", WIFSIGNALED(status)   ? "killed"
				  : WEXITSTATUS(status) ? "refused"
							: "made");
#else
	printf("socketcall killed\n"); /* there is none */
#endif
}

static int into(const char *folder)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	int fd = open(folder, O_RDONLY | O_DIRECTORY);
	long child;

	args.cgroup = fd;
	child = fd < 0 ? -1 : syscall(SYS_clone3, &args, sizeof(args));
	if (!child)
		_exit(0);
	printf("into %s\n", child > 0 ? "made" : strerrorname_np(errno));
	return child < 0;
}

int main(int argc, char **argv)
{
	char ring[256] = {};

	if (argc == 3 && !strcmp(argv[1], "into"))
		return into(argv[2]);
	families();
	multiplexed();
	say("ring", syscall(SYS_io_uring_setup, 4, ring));
	say("ring_enter", syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0));
	say("ring_register", syscall(SYS_io_uring_register, -1, 0, NULL, 0));
	say("key", syscall(SYS_request_key, "user", "terok", NULL, 0));
	return 0;
}
