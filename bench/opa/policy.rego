# The ten rules of ../policies/desk.cedar, one by one in the same order, for what OPA knows: the claims of a token that
# it verifies, and its input. It keeps no memory, so what Narrowgate takes from its ledger (depth, labels, calls) it
# takes from what the caller sends along.
package authorizer

import rego.v1

default allow := false

# [whether it is valid, header, claims]
token := io.jwt.decode_verify(input.token, {
	"cert": data.keys,
	"alg": "ES256",
	"iss": data.issuer,
	"aud": data.audience,
})

claims := token[2]

allow if {
	token[0]
	some user_rule in permits_user
	some agent_rule in permits_agent
	count(forbids) == 0
}

is_desk if "desk" in input.resource.groups

is_call if input.action in {"read", "write", "execute"}

reads_or_delegates if input.action in {"read", "delegate"}

reads_writes_or_delegates if input.action in {"read", "write", "delegate"}

triage_reads if {
	input.action == "read"
	is_desk
	claims.purpose == "triage-ticket"
	input.task.depth == 0
}

permits_user contains "staff" if {
	"support" in input.user.groups
	reads_writes_or_delegates
	is_desk
}

permits_agent contains "desk-agents" if {
	"desk" in data.agents[claims.client_id].groups
	reads_writes_or_delegates
	is_desk
}

permits_user contains "triage-reads" if triage_reads

permits_agent contains "triage-reads" if triage_reads

permits_agent contains "research-agents" if {
	"research" in data.agents[claims.client_id].groups
	reads_or_delegates
	is_desk
	input.resource.sensitivity_level <= 1
}

permits_agent contains "nightly-lists" if {
	"reporting" in data.agents[claims.client_id].groups
	reads_or_delegates
	input.resource.name == "crm.tickets.list"
}

forbids contains "nothing-restricted" if {
	is_call
	input.resource.sensitivity_level >= 3
}

forbids contains "no-external-after-confidential" if {
	is_call
	"sink:external" in input.resource.labels
	"reads:confidential" in input.task.labels
}

forbids contains "bench-environment-only" if {
	is_call
	input.environment != "bench"
}

forbids contains "tickets-of-this-desk" if {
	input.action == "read"
	input.resource.name == "crm.tickets.get"
	not is_ticket_of_this_desk
}

forbids contains "not-without-end" if {
	is_call
	input.task.tree_calls >= 1000000000
}

is_ticket_of_this_desk if startswith(input.arguments.ticket, "T-")
