// SPDX-License-Identifier: Apache-2.0
#include "base/varlink_call.h"

#include <ctype.h>
#include <string.h>

#include "base/sanitise.h"

#define SERVICE   "org.varlink.service"
#define VIOLATION "invalid.asyncvarlink.ProtocolViolation"

static const char service_description[] =
    "# The Varlink Service Interface is provided by every varlink service.\n"
    "interface org.varlink.service\n\n"
    "method GetInfo() -> (vendor: string, product: string, version: string, url: string, "
    "interfaces: []string)\n\n"
    "method GetInterfaceDescription(interface: string) -> (description: string)\n\n"
    "error InterfaceNotFound (interface: string)\n\n"
    "error MethodNotFound (method: string)\n\n"
    "error MethodNotImplemented (method: string)\n\n"
    "error InvalidParameter (parameter: string)\n\n"
    "error PermissionDenied ()\n\n"
    "error ExpectedMore ()\n";

uint32_t varlink_call_pid(const struct varlink_call *call)
{
	return call->pid;
}

uint32_t varlink_call_uid(const struct varlink_call *call)
{
	return call->uid;
}

unsigned varlink_call_place(const struct varlink_call *call)
{
	return call->place;
}

void *varlink_call_user(const struct varlink_call *call)
{
	return call->service->user;
}

static void call_answer(struct varlink_call *call, const char *error, const char *parameters)
{
	_cleanup_json_ struct json json = {};

	if (!call->oneway) {
		json_open_object(&json, NULL);
		if (error)
			json_add_string(&json, "error", error);
		if (parameters && strcmp(parameters, "{}"))
			json_add_raw(&json, "parameters", parameters, strlen(parameters));
		json_close_object(&json);
		varlink_call_send(call, json_done(&json), json.n + 1);
	}
	varlink_call_end(call);
}

void varlink_reply(struct varlink_call *call, const char *parameters)
{
	call_answer(call, NULL, parameters);
}

void varlink_error(struct varlink_call *call, const char *error, const char *parameters)
{
	call_answer(call, error, parameters);
}

void varlink_error_text(struct varlink_call *call, const char *error, const char *key,
			const char *value)
{
	_cleanup_json_ struct json json = {};
	char clean[SANITISE_MAX + 1];

	/* mostly it is what the peer said itself, who may show it to somebody */
	sanitise(clean, SANITISE_MAX, value, strlen(value));
	json_open_object(&json, NULL);
	json_add_string(&json, key, clean);
	json_close_object(&json);
	call_answer(call, error, json_done(&json));
}

void varlink_keep(struct varlink_call *call, void *owner, void (*drained)(void *owner),
		  void (*gone)(void *owner))
{
	call->owner = owner;
	call->drained = drained;
	call->gone = gone;
}

static void service_get_info(struct varlink_call *call)
{
	const struct varlink_service *service = call->service;
	_cleanup_json_ struct json json = {};
	bool said = false;

	json_open_object(&json, NULL);
	json_add_string(&json, "vendor", service->info.vendor);
	json_add_string(&json, "product", service->info.product);
	json_add_string(&json, "version", service->info.version);
	json_add_string(&json, "url", service->info.url);
	json_open_array(&json, "interfaces");
	for (unsigned i = 0; i < service->n; i++) {
		if (!said && strcmp(service->interfaces[i].name, SERVICE) > 0) {
			json_add_string(&json, NULL, SERVICE);
			said = true;
		}
		json_add_string(&json, NULL, service->interfaces[i].name);
	}
	if (!said)
		json_add_string(&json, NULL, SERVICE);
	json_close_array(&json);
	json_close_object(&json);
	varlink_reply(call, json_done(&json));
}

static const struct varlink_interface *interface_find(const struct varlink_service *service,
						      const char *name)
{
	for (unsigned i = 0; i < service->n; i++)
		if (!strcmp(service->interfaces[i].name, name))
			return &service->interfaces[i];
	return NULL;
}

static void service_get_description(struct varlink_call *call, struct json_object *parameters)
{
	const char *name = json_object_get_string(json_object_object_get(parameters, "interface"));
	const struct varlink_interface *interface = interface_find(call->service, name);
	_cleanup_json_ struct json json = {};

	if (!interface && strcmp(name, SERVICE)) {
		varlink_error_text(call, SERVICE ".InterfaceNotFound", "interface", name);
		return;
	}
	json_open_object(&json, NULL);
	json_add_string(&json, "description",
			interface ? interface->description : service_description);
	json_close_object(&json);
	varlink_reply(call, json_done(&json));
}

static void run_get_info(struct varlink_call *call, struct json_object *parameters)
{
	(void)parameters;
	service_get_info(call);
}

static const struct varlink_param description_params[] = {
	{ "interface", json_type_string, false },
};
static const struct varlink_method service_methods[] = {
	{ "GetInfo", NULL, 0, false, run_get_info },
	{ "GetInterfaceDescription", description_params, 1, false, service_get_description },
};
static const struct varlink_interface service_interface = { SERVICE, service_description,
							    service_methods, 2 };

/* A string with a NUL in it would end there for every method: it is no value of ours. */
static bool value_is(struct json_object *value, enum json_type type)
{
	return json_object_get_type(value) == type &&
	       (type != json_type_string ||
		strlen(json_object_get_string(value)) == (size_t)json_object_get_string_len(value));
}

/* The first parameter that is wrong, in the order of the declaration; NULL: none. */
static const char *params_check(const struct varlink_method *method, struct json_object *parameters)
{
	struct json_object *value;

	for (unsigned i = 0; i < method->n; i++) {
		const struct varlink_param *param = &method->params[i];
		bool there = parameters &&
			     json_object_object_get_ex(parameters, param->name, &value);

		if (param->optional && (!there || !value))
			continue;
		if (!there || !value || !value_is(value, param->type))
			return param->name;
	}
	if (!parameters)
		return NULL;
	json_object_object_foreach(parameters, key, unused)
	{
		bool known = false;

		(void)unused;
		for (unsigned i = 0; !known && i < method->n; i++)
			known = !strcmp(method->params[i].name, key);
		if (!known)
			return key;
	}
	return NULL;
}

static void call_dispatch(struct varlink_call *call, const char *name, const char *method_name,
			  struct json_object *parameters)
{
	const struct varlink_interface *interface =
	    strcmp(name, SERVICE) ? interface_find(call->service, name) : &service_interface;
	const struct varlink_method *method = NULL;
	const char *wrong;

	if (!interface) {
		varlink_error_text(call, SERVICE ".InterfaceNotFound", "interface", name);
		return;
	}
	for (unsigned i = 0; !method && i < interface->n; i++)
		if (!strcmp(interface->methods[i].name, method_name))
			method = &interface->methods[i];
	if (!method) {
		varlink_error_text(call, SERVICE ".MethodNotFound", "method", method_name);
		return;
	}
	wrong = params_check(method, parameters);
	if (wrong) {
		varlink_error_text(call, SERVICE ".InvalidParameter", "parameter", wrong);
		return;
	}
	if (method->stream && !call->more) {
		varlink_error(call, SERVICE ".ExpectedMore", NULL);
		return;
	}
	call->stream = method->stream;
	method->run(call, parameters);
}

/* "org.example.Name.Method": cut at the last dot if both halves are what varlink allows. */
static const char *method_cut(char *name)
{
	char *dot = strrchr(name, '.');

	if (!dot || !isupper((unsigned char)dot[1]))
		return NULL;
	for (const char *p = dot + 1; *p; p++)
		if (!isalnum((unsigned char)*p))
			return NULL;
	*dot = '\0';
	if (!isalpha((unsigned char)*name) || !strchr(name, '.') || strstr(name, "..") ||
	    name[strlen(name) - 1] == '.')
		return NULL;
	if (strstr(name, ".-") || strstr(name, "-.") || name[strlen(name) - 1] == '-')
		return NULL;
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '.' && *p != '-')
			return NULL;
	return dot + 1;
}

/* A flag of a call: absent is false; -1: not a boolean. */
static int flag_get(struct json_object *frame, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(frame, key, &value))
		return 0;
	if (json_object_get_type(value) != json_type_boolean)
		return -1;
	return json_object_get_boolean(value);
}

void varlink_call_begin(struct varlink_call *call, struct json_object *frame)
{
	int more = flag_get(frame, "more"), oneway = flag_get(frame, "oneway"),
	    upgrade = flag_get(frame, "upgrade");
	struct json_object *method = json_object_object_get(frame, "method"), *parameters = NULL;
	_cleanup_free_ char *name = NULL;
	const char *method_name = NULL;
	bool object;

	call->active = true;
	call->stream = false;
	call->oneway = oneway == 1;
	call->more = more == 1;
	/* null is none: what the Go implementation sends where there are none */
	object = !json_object_object_get_ex(frame, "parameters", &parameters) || !parameters ||
		 json_object_get_type(parameters) == json_type_object;
	if (method && value_is(method, json_type_string))
		name = strdup(json_object_get_string(method));
	if (name)
		method_name = method_cut(name);
	if (!method_name || !object || more < 0 || oneway < 0 || upgrade < 0 ||
	    more + oneway + upgrade > 1)
		varlink_error(call, VIOLATION, NULL);
	else
		call_dispatch(call, name, method_name, parameters);
}
