// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

int command_send(const struct command_way *way, const char *id, Command *command)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t n;

	command->command_id = (char *)id;
	n = clawker__clawkerd__v1__command__get_packed_size(command);
	bytes = malloc(n ?: 1);
	if (!bytes)
		return -ENOMEM;
	clawker__clawkerd__v1__command__pack(command, bytes);
	return way->send(way->user, bytes, n);
}

int command_send_empty(const struct command_way *way, const char *id,
		       Clawker__Clawkerd__V1__Command__PayloadCase payload)
{
	Clawker__Clawkerd__V1__Hello hello = CLAWKER__CLAWKERD__V1__HELLO__INIT;
	Clawker__Clawkerd__V1__CloseStdin closes = CLAWKER__CLAWKERD__V1__CLOSE_STDIN__INIT;
	Clawker__Clawkerd__V1__AgentReady ready = CLAWKER__CLAWKERD__V1__AGENT_READY__INIT;
	Clawker__Clawkerd__V1__RegisterRequired required =
	    CLAWKER__CLAWKERD__V1__REGISTER_REQUIRED__INIT;
	Command command = CLAWKER__CLAWKERD__V1__COMMAND__INIT;

	command.payload_case = payload;
	switch (payload) {
	case COMMAND_IS(HELLO): command.hello = &hello; break;
	case COMMAND_IS(CLOSE_STDIN): command.close_stdin = &closes; break;
	case COMMAND_IS(AGENT_READY): command.agent_ready = &ready; break;
	case COMMAND_IS(REGISTER_REQUIRED): command.register_required = &required; break;
	default: return -EINVAL;
	}
	return command_send(way, id, &command);
}

const char *code_name(Clawker__Clawkerd__V1__ErrorCode code)
{
	static const char prefix[] = "ERROR_CODE_";
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
	    &clawker__clawkerd__v1__error_code__descriptor, (int)code);

	return value ? value->name + strlen(prefix) : "UNSPECIFIED";
}
