// SPDX-License-Identifier: Apache-2.0
#include "compose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "caller.h"
#include "cgroup.h"
#include "domains.h"
#include "policy.h"

void compose_done(struct composition *composition)
{
	profile_done(&composition->profile);
}

/* --- which they are ---------------------------------------------------------------------- */

static int spec_key(const struct guard_spec *spec, char key[static JOURNAL_KEY_LEN])
{
	struct terok_info info = { .kind = spec->kind, .uid = spec->uid };

	snprintf(info.container, sizeof(info.container), "%s", spec->container ?: "");
	if (spec->kind == TEROK_KIND_CGROUP && cgroup_path(spec->cgroup_fd, info.path))
		return -EIO;
	return journal_key(&info, key) ? 0 : -ENOENT;
}

/* What it had, else the default. *@guessed: nobody ever said so. */
static void names_find(const struct guard_spec *spec, char names[static JOURNAL_PROFILES_LEN],
		       bool *guessed)
{
	char key[JOURNAL_KEY_LEN];
	struct problem why = {};
	int r = spec_key(spec, key);

	*names = '\0';
	*guessed = false;
	if (!r)
		r = journal_get_profiles(key, names, &why);
	if (!r && spec->kind == TEROK_KIND_CONTAINER) {
		*guessed = true;
		r = profile_default(names, JOURNAL_PROFILES_LEN, &why);
	}
	/* a guard that allows less is better than none */
	if (r < 0 && *why.text)
		log_error(0, "its profiles are not in force: %s", why.text);
}

static int names_load(const char *names, struct profile *profile, struct problem *why)
{
	char copy[JOURNAL_PROFILES_LEN], *save;
	int r = 0;

	snprintf(copy, sizeof(copy), "%s", names);
	for (char *name = strtok_r(copy, ":", &save); !r && name; name = strtok_r(NULL, ":", &save))
		if (strcmp(name, PROFILE_NONE))
			r = profile_load(name, profile, why);
	return r;
}

int compose_read(const struct guard_spec *spec, const char *names, struct composition *ret,
		 struct problem *why)
{
	bool guessed = false;
	int r;

	*ret = (struct composition){ .said = names };
	if (names && strlen(names) >= sizeof(ret->names))
		return problem(why, -EINVAL, "too many profiles");
	if (names)
		snprintf(ret->names, sizeof(ret->names), "%s", names);
	else
		names_find(spec, ret->names, &guessed);
	r = names_load(ret->names, &ret->profile, why);
	if (!r || !guessed || r == -ENOMEM)
		return r;
	log_warn(0, "nothing is allowed by the default profiles: %s", why ? why->text : "");
	profile_done(&ret->profile);
	*ret->names = '\0';
	return 0;
}

/* --- in force ---------------------------------------------------------------------------- */

struct stale {
	const struct profile *profile;
	struct rule *rule;
	size_t n, room;
};

static int stale_collect(const struct rule *rule, void *user)
{
	const struct profile_entry entry = { .deny = rule->value.action == TEROK_DENY,
					     .dest = rule->dest };
	struct stale *stale = user;

	if (rule->value.author != TEROK_AUTHOR_PROFILE || profile_find(stale->profile, &entry) >= 0)
		return 0;
	if (stale->n == stale->room) {
		size_t room = stale->room ? 2 * stale->room : 64;
		struct rule *more = reallocarray(stale->rule, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		stale->rule = more;
		stale->room = room;
	}
	stale->rule[stale->n++] = *rule;
	return 0;
}

/* Addresses of a composition before, which this one does not name. */
static int stale_rules_remove(const struct kernel *kernel, uint32_t guard,
			      const struct profile *profile, struct problem *why)
{
	struct stale stale = { .profile = profile };
	int r = policy_each(kernel, guard, stale_collect, &stale);

	for (size_t i = 0; !r && i < stale.n; i++)
		r = policy_remove(kernel, &stale.rule[i], why);
	free(stale.rule);
	return r;
}

static int stale_names_remove(const struct kernel *kernel, uint32_t guard,
			      const struct profile *profile, struct problem *why)
{
	_cleanup_free_ struct domain_rule *names = NULL;
	int n = domains_list(kernel, guard, &names, why), r = n < 0 ? n : 0;

	for (int i = 0; !r && i < n; i++) {
		struct profile_entry entry = { .deny = names[i].value.action == TEROK_DENY,
					       .dest = names[i].dest };

		memcpy(entry.domain, names[i].domain, sizeof(entry.domain));
		if (names[i].value.author == TEROK_AUTHOR_PROFILE &&
		    profile_find(profile, &entry) < 0)
			r = domains_drop(kernel, guard, &names[i], why);
	}
	return r;
}

static struct terok_rule value_of(const struct profile_entry *entry)
{
	return (struct terok_rule){ .action = entry->deny ? TEROK_DENY : TEROK_ALLOW,
				    .uid = caller_uid(),
				    .author = TEROK_AUTHOR_PROFILE };
}

/* One destination has one rule: an allow would take the place of its deny. */
static bool entry_is_denied(const struct profile *profile, const struct profile_entry *entry)
{
	struct profile_entry deny = *entry;

	deny.deny = true;
	return !entry->deny && profile_find(profile, &deny) >= 0;
}

static int addresses_apply(const struct kernel *kernel, uint32_t guard,
			   const struct profile *profile, bool denies, struct problem *why)
{
	_cleanup_free_ struct rule *rules = calloc(profile->n + 1, sizeof(*rules));
	unsigned n = 0;

	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n; i++) {
		const struct profile_entry *entry = &profile->entry[i];

		if (!*entry->domain && entry->deny == denies && !entry_is_denied(profile, entry))
			rules[n++] = (struct rule){ .guard = guard,
						    .dest = entry->dest,
						    .keep = true,
						    .weak = true,
						    .value = value_of(entry) };
	}
	return policy_add_all(kernel, rules, n, why);
}

/* The domains of a composition that nobody said something else of, denies first. */
struct asking {
	struct domain_rule *name;
	struct resolved *found;
	struct domains_done *done;
	unsigned n;
};

static void asking_free(struct asking *asking)
{
	free(asking->name);
	free(asking->found);
	free(asking->done);
}

static bool name_is_taken(const struct domain_rule *said, int n, const struct profile_entry *entry)
{
	for (int i = 0; i < n; i++)
		if (said[i].value.author != TEROK_AUTHOR_PROFILE &&
		    !strcmp(said[i].domain, entry->domain) &&
		    said[i].dest.port == entry->dest.port &&
		    said[i].dest.proto == entry->dest.proto)
			return true;
	return false;
}

static void asking_add(struct asking *asking, const struct profile *profile, bool denies,
		       const struct domain_rule *said, int n_said)
{
	for (size_t i = 0; i < profile->n; i++) {
		const struct profile_entry *entry = &profile->entry[i];
		struct domain_rule *name = &asking->name[asking->n];

		if (!*entry->domain || entry->deny != denies || entry_is_denied(profile, entry) ||
		    name_is_taken(said, n_said, entry))
			continue;
		memcpy(name->domain, entry->domain, sizeof(name->domain));
		name->dest = entry->dest;
		name->value = value_of(entry);
		asking->n++;
	}
}

static int asking_fill(const struct kernel *kernel, uint32_t guard, const struct profile *profile,
		       bool any_said, struct asking *asking, struct problem *why)
{
	_cleanup_free_ struct domain_rule *said = NULL;
	int n = any_said ? domains_list(kernel, guard, &said, why) : 0;

	if (n < 0)
		return n;
	asking->name = calloc(profile->n + 1, sizeof(*asking->name));
	asking->found = calloc(profile->n + 1, sizeof(*asking->found));
	asking->done = calloc(profile->n + 1, sizeof(*asking->done));
	if (!asking->name || !asking->found || !asking->done)
		return -ENOMEM;
	asking_add(asking, profile, true, said, n);
	asking_add(asking, profile, false, said, n);
	return 0;
}

static int domains_apply(const struct kernel *kernel, uint32_t guard, const struct profile *profile,
			 bool any_said, struct problem *why)
{
	_cleanup_(asking_free) struct asking asking = {};
	unsigned lost = 0, refused = 0;
	int r = asking_fill(kernel, guard, profile, any_said, &asking, why);

	if (r || !asking.n)
		return r;
	r = domains_ask(kernel, guard, asking.name, asking.n, asking.found, why);
	if (r >= 0)
		r = domains_put(kernel, guard, asking.name, asking.n, asking.found, asking.done,
				why);
	for (unsigned i = 0; !r && i < asking.n; i++) {
		lost += !asking.done[i].addresses && !asking.done[i].by_name;
		refused += asking.done[i].refused;
	}
	if (lost)
		log_warn(0,
			 "%u of %u domains have no address now, so nothing of them is in force; "
			 "terok-bpfd resolve asks again",
			 lost, asking.n);
	if (refused)
		log_warn(0, "%u addresses of domains are private or local and open nothing",
			 refused);
	return r;
}

/* What is there already: the tables are everybody's, and looking through them takes its time. */
struct there {
	bool rules, names;
};

static int there_look(const struct kernel *kernel, uint32_t guard, bool made, struct there *ret,
		      struct problem *why)
{
	struct terok_guard value;
	struct terok_info info;
	int r = guard_value(kernel, guard, &info, &value, why);

	*ret =
	    (struct there){ .rules = value.exact || value.prefix, .names = !made || value.domains };
	return r;
}

int compose_apply(const struct kernel *kernel, const struct guard *guard,
		  const struct composition *composition, bool made, struct problem *why)
{
	const struct profile *profile = &composition->profile;
	char key[JOURNAL_KEY_LEN];
	struct there there;
	int r = 0;

	if (!journal_key(&guard->info, key))
		return 0;
	/* nothing said and nothing there: a journal that cannot be written is no matter */
	if (composition->said || *composition->names)
		r = journal_put_profiles(key, composition->names, why);
	if (!r)
		r = there_look(kernel, guard->id, made, &there, why);
	/* denies first: whatever fails later, nothing is open that should not be */
	if (!r)
		r = addresses_apply(kernel, guard->id, profile, true, why);
	if (!r && there.rules)
		r = stale_rules_remove(kernel, guard->id, profile, why);
	if (!r && there.names)
		r = stale_names_remove(kernel, guard->id, profile, why);
	if (!r)
		r = addresses_apply(kernel, guard->id, profile, false, why);
	return r ? r : domains_apply(kernel, guard->id, profile, there.names, why);
}
