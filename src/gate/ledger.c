/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/ledger.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "util/clock.h"
#include "util/pool.h"

#define ID_DIGITS_MIN 12 /* of a container's id: what engines show people */

struct place {
	char owner[S2C_LEDGER_OWNER_MAX];
	struct place *next;
};

struct container {
	struct s2c_container_record record;
	unsigned held;
	struct container *next;
};

/* A name of an image, or its id when name is NULL. */
struct image {
	char owner[S2C_LEDGER_OWNER_MAX];
	char id[72];
	char *name;
	struct image *next;
};

/* A name that an image is being given. */
struct claim {
	char *owner, *name;
	struct claim *next;
};

/* Somebody who waits for a place. */
struct waiter {
	int fd; /* an eventfd */
	struct waiter *next;
};

struct s2c_ledger {
	struct s2c_monitor *lock;
	unsigned most;
	struct place *places; /* reserved and not used yet */
	struct container *containers;
	struct image *images;
	struct claim *claims;
	struct waiter *waiters;
};

const char *s2c_container_state_name(enum s2c_container_state state)
{
	switch (state) {
	case S2C_CONTAINER_CREATED:
		return "created";
	case S2C_CONTAINER_ATTACHED:
		return "attached";
	case S2C_CONTAINER_RUNNING:
		return "running";
	case S2C_CONTAINER_EXITED:
		return "exited";
	case S2C_CONTAINER_COMMITTED:
		return "committed";
	case S2C_CONTAINER_BROKEN:
		break;
	}
	return "broken";
}

struct s2c_ledger *s2c_ledger_new(unsigned containers)
{
	struct s2c_ledger *ledger = xcalloc(1, sizeof(*ledger));

	ledger->lock = s2c_monitor_new();
	ledger->most = containers;
	return ledger;
}

static void free_image(struct image *image)
{
	free(image->name);
	free(image);
}

static void free_images(struct image *list)
{
	while (list) {
		struct image *next = list->next;

		free_image(list);
		list = next;
	}
}

static void free_claim(struct claim *claim)
{
	free(claim->owner);
	free(claim->name);
	free(claim);
}

void s2c_ledger_free(struct s2c_ledger *ledger)
{
	if (!ledger)
		return;
	while (ledger->containers) {
		struct container *c = ledger->containers;
		ledger->containers = c->next;
		free(c);
	}
	while (ledger->places) {
		struct place *p = ledger->places;
		ledger->places = p->next;
		free(p);
	}
	free_images(ledger->images);
	while (ledger->claims) {
		struct claim *c = ledger->claims;
		ledger->claims = c->next;
		free_claim(c);
	}
	s2c_monitor_free(ledger->lock);
	free(ledger);
}

/* ---- places ---- */

static bool take_place(struct s2c_ledger *ledger, const char *owner, unsigned most)
{
	unsigned all = 0, own = 0;

	for (const struct container *c = ledger->containers; c; c = c->next) {
		all++;
		own += streq(c->record.owner, owner);
	}
	for (const struct place *p = ledger->places; p; p = p->next) {
		all++;
		own += streq(p->owner, owner);
	}
	if (all >= ledger->most || own >= most)
		return false;
	struct place *place = xcalloc(1, sizeof(*place));
	(void)snprintf(place->owner, sizeof(place->owner), "%s", owner);
	place->next = ledger->places;
	ledger->places = place;
	return true;
}

static void wake(struct s2c_ledger *ledger)
{
	uint64_t one = 1;

	for (const struct waiter *w = ledger->waiters; w; w = w->next)
		(void)!write(w->fd, &one, sizeof(one));
}

/* Waits until some place became free, which may be another one's by then. */
static int await_change(
	struct s2c_ctx *ctx, const struct waiter *me, int watch, struct s2c_error **err)
{
	struct pollfd ready[] = {
		{.fd = me->fd, .events = POLLIN}, {.fd = watch, .events = POLLRDHUP}};
	uint64_t count;
	int n_ready;

	if (s2c_ctx_poll(ctx, ready, 2, -1, &n_ready, err) < 0)
		return -1;
	if (ready[1].revents)
		return s2c_fail(err, S2C_ECANCELED, "nobody waits for it");
	(void)!read(me->fd, &count, sizeof(count));
	return 0;
}

static void leave(struct s2c_ledger *ledger, struct waiter *me)
{
	struct waiter **link = &ledger->waiters;

	while (*link != me)
		link = &(*link)->next;
	*link = me->next;
}

int s2c_ledger_reserve(struct s2c_ledger *ledger, struct s2c_ctx *ctx, const char *owner,
	unsigned most, int watch, struct s2c_error **err)
{
	CLEAN_FD int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct waiter me = {.fd = event};
	int rc = 0;

	if (event < 0)
		return s2c_fail_errno(err, errno, "cannot make an eventfd");
	s2c_monitor_enter(ledger->lock);
	me.next = ledger->waiters;
	ledger->waiters = &me;
	while (rc == 0 && !take_place(ledger, owner, most)) {
		s2c_monitor_leave(ledger->lock);
		rc = await_change(ctx, &me, watch, err);
		s2c_monitor_enter(ledger->lock);
	}
	leave(ledger, &me);
	s2c_monitor_leave(ledger->lock);
	return rc;
}

static void drop_place(struct s2c_ledger *ledger, const char *owner)
{
	for (struct place **link = &ledger->places; *link; link = &(*link)->next)
		if (streq((*link)->owner, owner)) {
			struct place *gone = *link;
			*link = gone->next;
			free(gone);
			return;
		}
}

void s2c_ledger_give_back(struct s2c_ledger *ledger, const char *owner)
{
	s2c_monitor_enter(ledger->lock);
	drop_place(ledger, owner);
	wake(ledger);
	s2c_monitor_leave(ledger->lock);
}

/* ---- containers ---- */

void s2c_ledger_add(
	struct s2c_ledger *ledger, const struct s2c_container_record *container)
{
	struct container *c = xcalloc(1, sizeof(*c));

	c->record = *container;
	c->record.asked = s2c_now_ms();
	s2c_monitor_enter(ledger->lock);
	drop_place(ledger, container->owner);
	c->next = ledger->containers;
	ledger->containers = c;
	s2c_monitor_leave(ledger->lock);
}

static bool is_called(const struct s2c_container_record *record, const char *what)
{
	size_t len = strlen(what);

	/* A whole id decides before a name that looks like one. */
	if (streq(record->id, what) || streq(record->name, what))
		return true;
	return len >= ID_DIGITS_MIN && len < 64 && starts_with(record->id, what);
}

bool s2c_ledger_find(struct s2c_ledger *ledger, const char *owner, const char *what,
	struct s2c_container_record *out)
{
	struct container *found = NULL;

	if (!*what)
		return false;
	s2c_monitor_enter(ledger->lock);
	for (struct container *c = ledger->containers; c; c = c->next)
		if (streq(c->record.owner, owner) && is_called(&c->record, what) &&
			(!found || streq(c->record.id, what)))
			found = c;
	if (found) {
		found->record.asked = s2c_now_ms();
		*out = found->record;
	}
	s2c_monitor_leave(ledger->lock);
	return found != NULL;
}

static struct container *by_id(struct s2c_ledger *ledger, const char *id)
{
	for (struct container *c = ledger->containers; c; c = c->next)
		if (streq(c->record.id, id))
			return c;
	return NULL;
}

bool s2c_ledger_move(struct s2c_ledger *ledger, const char *id, unsigned from,
	enum s2c_container_state to)
{
	s2c_monitor_enter(ledger->lock);
	struct container *c = by_id(ledger, id);
	bool may = c && (c->record.state & from) &&
		   !(c->held && to == S2C_CONTAINER_RUNNING);
	if (may)
		c->record.state = to;
	s2c_monitor_leave(ledger->lock);
	return may;
}

bool s2c_ledger_hold(struct s2c_ledger *ledger, const char *id, unsigned states)
{
	s2c_monitor_enter(ledger->lock);
	struct container *c = by_id(ledger, id);
	bool may = c && (c->record.state & states);
	if (may)
		c->held++;
	s2c_monitor_leave(ledger->lock);
	return may;
}

void s2c_ledger_release(struct s2c_ledger *ledger, const char *id)
{
	s2c_monitor_enter(ledger->lock);
	struct container *c = by_id(ledger, id);
	if (c && c->held) {
		c->held--;
		c->record.asked = s2c_now_ms();
	}
	s2c_monitor_leave(ledger->lock);
}

bool s2c_ledger_attach(struct s2c_ledger *ledger, const char *id, bool in, unsigned most)
{
	s2c_monitor_enter(ledger->lock);
	struct container *c = by_id(ledger, id);
	bool may = c && c->record.attaches < most && !(in && c->record.has_input);
	if (may) {
		c->record.attaches++;
		c->record.has_input = c->record.has_input || in;
		if (in && c->record.state == S2C_CONTAINER_CREATED)
			c->record.state = S2C_CONTAINER_ATTACHED;
	}
	s2c_monitor_leave(ledger->lock);
	return may;
}

bool s2c_ledger_renew(struct s2c_ledger *ledger, const char *id)
{
	s2c_monitor_enter(ledger->lock);
	struct container *c = by_id(ledger, id);
	bool may = c && c->record.state == S2C_CONTAINER_EXITED && !c->record.exit_code;
	if (may) {
		c->record.state = S2C_CONTAINER_CREATED;
		c->record.attaches = 0;
		c->record.has_input = false;
		c->record.asked = s2c_now_ms();
	}
	s2c_monitor_leave(ledger->lock);
	return may;
}

void s2c_ledger_started(struct s2c_ledger *ledger, const char *id)
{
	s2c_monitor_enter(ledger->lock);
	struct container *c = by_id(ledger, id);
	if (c)
		c->record.until = s2c_now_ms() + c->record.deadline * 1000ll;
	s2c_monitor_leave(ledger->lock);
}

bool s2c_ledger_exited(struct s2c_ledger *ledger, const char *id, int exit_code)
{
	s2c_monitor_enter(ledger->lock);
	struct container *c = by_id(ledger, id);
	bool news = c && c->record.state == S2C_CONTAINER_RUNNING;
	if (news) {
		c->record.state = S2C_CONTAINER_EXITED;
		c->record.exit_code = exit_code;
		c->record.asked = s2c_now_ms();
	}
	s2c_monitor_leave(ledger->lock);
	return news;
}

void s2c_ledger_remove(struct s2c_ledger *ledger, const char *id)
{
	s2c_monitor_enter(ledger->lock);
	for (struct container **link = &ledger->containers; *link; link = &(*link)->next)
		if (streq((*link)->record.id, id)) {
			struct container *gone = *link;
			*link = gone->next;
			free(gone);
			break;
		}
	wake(ledger);
	s2c_monitor_leave(ledger->lock);
}

/* A start that failed halfway is broken, but what it started may run. */
static bool is_due(const struct s2c_container_record *c, int64_t now)
{
	return (c->state & (S2C_CONTAINER_RUNNING | S2C_CONTAINER_BROKEN)) && c->until &&
	       c->until <= now;
}

bool s2c_ledger_due(struct s2c_ledger *ledger, int64_t now, bool all,
	struct s2c_container_record *out)
{
	const struct container *due = NULL;

	s2c_monitor_enter(ledger->lock);
	for (const struct container *c = ledger->containers; c && !due; c = c->next)
		if (all || is_due(&c->record, now))
			due = c;
	if (due)
		*out = due->record;
	s2c_monitor_leave(ledger->lock);
	return due != NULL;
}

unsigned s2c_ledger_count_in(struct s2c_ledger *ledger, unsigned states)
{
	unsigned n = 0;

	s2c_monitor_enter(ledger->lock);
	for (const struct container *c = ledger->containers; c; c = c->next)
		n += (c->record.state & states) != 0;
	s2c_monitor_leave(ledger->lock);
	return n;
}

void s2c_ledger_deadline_passed(struct s2c_ledger *ledger, const char *id)
{
	s2c_monitor_enter(ledger->lock);
	struct container *c = by_id(ledger, id);
	if (c)
		c->record.until = 0;
	s2c_monitor_leave(ledger->lock);
}

void s2c_ledger_postpone(struct s2c_ledger *ledger, const char *id, unsigned seconds)
{
	s2c_monitor_enter(ledger->lock);
	struct container *c = by_id(ledger, id);
	if (c)
		c->record.until = s2c_now_ms() + seconds * 1000ll;
	s2c_monitor_leave(ledger->lock);
}

bool s2c_ledger_forgotten(
	struct s2c_ledger *ledger, int64_t now, struct s2c_container_record *out)
{
	const struct container *old = NULL;

	s2c_monitor_enter(ledger->lock);
	for (const struct container *c = ledger->containers; c && !old; c = c->next)
		if (c->record.state != S2C_CONTAINER_RUNNING && !c->held &&
			now - c->record.asked > S2C_LEDGER_IDLE_SECONDS * 1000ll)
			old = c;
	if (old)
		*out = old->record;
	s2c_monitor_leave(ledger->lock);
	return old != NULL;
}

/* ---- images ---- */

static bool same_name(const char *a, const char *b)
{
	return a && b ? streq(a, b) : a == b;
}

/* Who has too many loses the own one that is last in the list, and nobody else's. */
static void forget_oldest(struct s2c_ledger *ledger, const char *owner)
{
	struct image **oldest = NULL;
	unsigned n = 0;

	for (struct image **link = &ledger->images; *link; link = &(*link)->next)
		if (streq((*link)->owner, owner)) {
			oldest = link;
			n++;
		}
	if (n <= S2C_LEDGER_IMAGES_MAX)
		return;
	struct image *gone = *oldest;
	*oldest = gone->next;
	free_image(gone);
}

static void put_image(
	struct s2c_ledger *ledger, const char *owner, const char *id, const char *name)
{
	struct image *image, **link;

	s2c_monitor_enter(ledger->lock);
	/* A name means one image: the newest that anybody gave it to. */
	for (link = &ledger->images; *link;) {
		image = *link;
		if (same_name(image->name, name) &&
			(name ? true
			      : streq(image->owner, owner) && streq(image->id, id))) {
			*link = image->next;
			free_image(image);
		} else {
			link = &image->next;
		}
	}
	image = xcalloc(1, sizeof(*image));
	(void)snprintf(image->owner, sizeof(image->owner), "%s", owner);
	(void)snprintf(image->id, sizeof(image->id), "%s", id);
	image->name = name ? xstrdup(name) : NULL;
	image->next = ledger->images;
	ledger->images = image;
	forget_oldest(ledger, owner);
	s2c_monitor_leave(ledger->lock);
}

void s2c_ledger_add_image(struct s2c_ledger *ledger, const char *owner, const char *id)
{
	put_image(ledger, owner, id, NULL);
}

void s2c_ledger_add_name(
	struct s2c_ledger *ledger, const char *owner, const char *id, const char *name)
{
	put_image(ledger, owner, id, name);
}

/* From behind, since the newest come first in the list. */
static void list_images(const struct image *list, struct s2c_json *out)
{
	CLEAN_FREE const struct image **all = NULL;
	size_t n = 0;

	for (const struct image *i = list; i; i = i->next)
		n++;
	all = xcalloc(n, sizeof(*all));
	n = 0;
	for (const struct image *i = list; i; i = i->next)
		all[n++] = i;
	while (n--) {
		struct s2c_json *one = s2c_json_new_object();

		s2c_json_set_str(one, "owner", all[n]->owner);
		s2c_json_set_str(one, "id", all[n]->id);
		if (all[n]->name)
			s2c_json_set_str(one, "name", all[n]->name);
		s2c_json_add(out, one);
	}
}

struct s2c_json *s2c_ledger_images(struct s2c_ledger *ledger)
{
	struct s2c_json *out = s2c_json_new_array();

	s2c_monitor_enter(ledger->lock);
	list_images(ledger->images, out);
	s2c_monitor_leave(ledger->lock);
	return out;
}

bool s2c_ledger_claim(struct s2c_ledger *ledger, const char *owner, const char *name)
{
	bool free_to_take = true;

	s2c_monitor_enter(ledger->lock);
	for (const struct claim *c = ledger->claims; c; c = c->next)
		free_to_take = free_to_take &&
			       (!streq(c->name, name) || streq(c->owner, owner));
	if (free_to_take) {
		struct claim *claim = xcalloc(1, sizeof(*claim));

		claim->owner = xstrdup(owner);
		claim->name = xstrdup(name);
		claim->next = ledger->claims;
		ledger->claims = claim;
	}
	s2c_monitor_leave(ledger->lock);
	return free_to_take;
}

void s2c_ledger_unclaim(struct s2c_ledger *ledger, const char *owner, const char *name)
{
	s2c_monitor_enter(ledger->lock);
	for (struct claim **link = &ledger->claims; *link; link = &(*link)->next)
		if (streq((*link)->owner, owner) && streq((*link)->name, name)) {
			struct claim *gone = *link;
			*link = gone->next;
			free_claim(gone);
			break;
		}
	s2c_monitor_leave(ledger->lock);
}

bool s2c_ledger_find_image(
	struct s2c_ledger *ledger, const char *owner, const char *what, char out_id[72])
{
	bool found = false;

	s2c_monitor_enter(ledger->lock);
	for (const struct image *i = ledger->images; i && !found; i = i->next)
		if (streq(i->owner, owner) &&
			(i->name ? streq(i->name, what) : streq(i->id, what))) {
			memcpy(out_id, i->id, sizeof(i->id));
			found = true;
		}
	s2c_monitor_leave(ledger->lock);
	return found;
}

void s2c_ledger_remove_image(
	struct s2c_ledger *ledger, const char *owner, const char *what)
{
	s2c_monitor_enter(ledger->lock);
	for (struct image **link = &ledger->images; *link;) {
		struct image *i = *link;

		if (streq(i->owner, owner) &&
			(streq(i->id, what) || (i->name && streq(i->name, what)))) {
			*link = i->next;
			free_image(i);
		} else {
			link = &i->next;
		}
	}
	s2c_monitor_leave(ledger->lock);
}
