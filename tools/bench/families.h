/* SPDX-License-Identifier: Apache-2.0 */
/*
 * families.h - one function for each family of figures
 *
 * Each runs in a process of its own, in the "client" namespace and the run's "main" cgroup,
 * and may leave guards, cgroups and children behind: the runner's end removes them.
 * Return: 0; a negative errno, reported, when the family could not be measured.
 */
#ifndef BENCH_FAMILIES_H
#define BENCH_FAMILIES_H

int bench_connect(void);    /* an allowed connect() */
int bench_refuse(void);     /* a refused one */
int bench_rate(void);       /* refusals flat out */
int bench_ask(void);        /* refusal to event */
int bench_screen(void);     /* event to terminal */
int bench_robot(void);      /* refusal to a retry that passes */
int bench_verdict(void);    /* verdict to the connect() that passes */
int bench_names(void);      /* answers, and connects to what was answered */
int bench_idle(void);       /* the agent with nothing to do */
int bench_bulk(void);       /* a TCP stream */
int bench_flows(void);      /* connections that end with a transition */
int bench_transition(void); /* decisions while the state changes */
int bench_ingest(void);     /* lines of readers */
int bench_history(void);    /* what the journal costs */
int bench_fanout(void);     /* an event to a hundred subscribers */
int bench_weight(void);     /* the hub's memory */
int bench_load(void);       /* terok-bpfd load */
int bench_enrol(void);      /* podman run, guarded and not */
int bench_sandbox(void);    /* terok-sandbox run, over podman's */
int bench_gate(void);       /* git over HTTP */
int bench_ssh(void);        /* signatures of the SSH agent */
int bench_proxy(void);      /* HTTP requests with other secrets */
int bench_carry(void);      /* the memory that they and their bodies take */
int bench_registry(void);   /* the control plane of agents */
int bench_upgrade(void);    /* another build in its place */

#endif
