// SPDX-License-Identifier: Apache-2.0
/* test_signals.c - user/base/signals.c: which signals come to whom, and that nothing stays open */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/signals.h"

static struct heard {
	struct signals signals;
	int signal[4];
	unsigned n;
} heard;

static int on_signal(struct signals *signals, int signal)
{
	struct heard *h = container_of(signals, struct heard, signals);

	h->signal[h->n++] = signal;
	if (signal == SIGTERM)
		loop_stop(signals->source.loop);
	return 0;
}

static int on_first(struct signals *signals, int signal)
{
	(void)signal;
	heard.n++;
	loop_stop(signals->source.loop);
	signals_end(signals);
	return 0;
}

static void each_comes_once_and_the_programs_own_as_well(void **state)
{
	static const int more[] = { SIGUSR1, 0 };
	struct loop *loop = NULL;

	(void)state;
	heard = (struct heard){};
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(signals_add(loop, &heard.signals, more, on_signal), 0);
	raise(SIGINT);
	raise(SIGUSR1);
	raise(SIGTERM); /* the last of them that is read: it ends the loop */
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(heard.n, 3);
	assert_int_equal(heard.signal[0], SIGINT);
	assert_int_equal(heard.signal[1], SIGUSR1);
	assert_int_equal(heard.signal[2], SIGTERM);
	signals_end(&heard.signals);
	loop_free(loop);
}

static void it_may_end_within_and_gives_its_descriptor_back(void **state)
{
	struct loop *loop = NULL;
	int fd;

	(void)state;
	heard = (struct heard){};
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(signals_add(loop, &heard.signals, NULL, on_first), 0);
	fd = heard.signals.source.fd;
	raise(SIGTERM);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(heard.n, 1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	signals_end(&heard.signals); /* again is fine */
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_comes_once_and_the_programs_own_as_well),
		cmocka_unit_test(it_may_end_within_and_gives_its_descriptor_back),
	};

	return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
