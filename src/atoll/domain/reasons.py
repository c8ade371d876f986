"""Every reason for which the domain, the services and the operations reject a request.

A member's name is its code. Its value is the sentence in Atoll's own words: `{field}` stands for
the faulty field, the other names for facts of the error. A dialect renders it with its own field
names (`api/wording.py`) and may replace the sentence. A sentence never contains a path of an API.
"""

from enum import Enum


class Reason(Enum):
    # Values of fields
    LENGTH = "{field} must have {lowest} to {highest} characters"
    TOO_LONG = "{field} must have at most {highest} characters"
    CONTROL_CHARACTERS = "{field} must not contain control characters"
    NOT_PRINTABLE = "{field} must contain only printable characters"
    OUT_OF_RANGE = "{field} must be {lowest} to {highest}, not {value}"
    COUNT_OUT_OF_RANGE = "{field}: {lowest} to {highest} are allowed"
    TOO_MANY = "{field} has {count} entries, at most {highest} are allowed"
    NOT_BASE64 = "{field} is not valid base64: {why}"
    TOO_MANY_BYTES = "{field} has {count} bytes, at most {highest} are allowed"
    NOT_ONE_OF = "{field} must be one of {allowed}"
    IN_THE_PAST = "{field} must be in the future"
    NOT_HTTP_URL = "{field} must begin with http:// or https://"
    URL_CHARACTERS = "{field} must have at most {highest} ASCII characters and no spaces"
    EXCLUDE_EACH_OTHER = "{field} and {other_field} cannot be used together: omit one of them"
    ONE_OF_BOTH_NEEDED = "{field} or {other_field} is required"
    PASSWORD_LENGTH = (
        "{field} must have {lowest} to {highest} bytes; a character outside ASCII has several"
    )
    LABEL_KEY_LENGTH = (
        "{field}: the key {key!r} has {count} characters, {lowest} to {highest} are allowed"
    )
    LABEL_KEY_EQUALS = "{field}: the key {key!r} contains =, which separates a key from its value"
    LABEL_VALUE_LENGTH = "{field}: the value has {count} characters, at most {highest} are allowed"
    DISK_NEVER_SHRINKS = "{field} is {value}, the disk has {present}: a disk cannot shrink"
    VOLUME_ONLY_GROWS = (
        "{field} is {value}, volume {volume} has {present}: a volume cannot shrink, {lowest} to "
        "{highest} are allowed"
    )
    IMAGE_NEEDS_MEMORY = "{field} is {value}, image {image} needs at least {lowest}"
    SOURCE_NEEDS_DISK = (
        "{field} must be {lowest} to {highest} for {noun} {name}, not {value} (type {plan})"
    )
    IMAGE_NEEDS_DISK = (
        "{field}: image {image} needs {lowest} GiB of disk, the instance has {present}: resize "
        "the instance first"
    )
    ACCELERATOR_KIND = (
        "{field} is {value!r}: only lower-case letters, digits, dots and hyphens are allowed, as "
        "in nvidia-rtx-3090"
    )
    NOT_ONE_LINE = "{field} must be a single line"
    KEY_TYPE = "{field} must begin with a key type: one of {allowed}"
    NOT_A_KEY = "{field} is not a valid {kind} key: copy the whole line of the .pub file"
    PRIVATE_KEY = (
        "{field} is a private key, which nobody else should have: give the .pub file beside it"
    )
    RSA_BITS = "{field}: an RSA key must have {lowest} to {highest} bits, this one has {value}"
    UNREADABLE_DATA = (
        "{field} is {kind}, which guests cannot read: give a script or a cloud-config in UTF-8"
    )
    NO_INTERPRETER = "{field} must begin with #! and the path of an interpreter, as in #!/bin/sh"
    NOT_AN_IPV4_RANGE = "{field} is not an IPv4 range: {why}; an example is 10.0.0.0/16"
    NOT_AN_IPV6_RANGE = "{field} is not an IPv6 range: {why}; an example is 2001:db8::/32"
    PREFIX_LENGTH = (
        "{field}: the prefix length /{value} is not allowed, /{lowest} to /{highest} are"
    )
    NOT_A_PRIVATE_RANGE = "{field}: {cidr} is not a private range (RFC 1918)"
    NOT_INSIDE_VPC = "{field}: {cidr} is not within the range {range} of vpc {vpc}"
    NOT_A_HOST_NAME = "{field}: {value!r} is not a full host name; an example is web.example.com"
    NO_SUCH_EVENT = "{field}: there is no event {value!r}; the events are {allowed}"
    NOT_A_SCHEDULE = (
        "{field}: {value!r} is not a schedule; it has five fields: minute, hour, day of the "
        'month, month, day of the week, as in "30 3 * * *"'
    )
    CHECKSUM_FORM = (
        "{field} must be sha256: and 64 hexadecimal digits, or sha512: and 128 hexadecimal digits"
    )
    API_NAME = "{field} must have at most 63 characters: lower-case letters, digits and hyphens"
    API_NAME_RESERVED = (
        "{field}: the name {value} is reserved for an API of Atoll: choose another name"
    )
    API_WITHOUT_SERVER = (
        "{field}: the document contains no server with a host: give the address of the API"
    )
    NOT_A_WEB_ADDRESS = "{field}: {value} is not a URL that begins with http:// or https://"
    NOT_AN_OPENAPI_DOCUMENT = "{field} is not an OpenAPI document that can be used: {why}"
    API_WITHOUT_OPERATIONS = "{field}: the document has no operations, so it provides no tools"
    UNKNOWN_QUOTA = "{field} is not a quota; the quotas are {allowed}"
    PORT_MAX_ALONE = "{field} requires port as well"
    PROTOCOL_WITHOUT_PORTS = "{field}: {protocol} has no ports: omit it"
    PORT_ORDER = "{field}: ports {first} to {last} are not a range within 1 to 65535"
    PASSWORD_TWICE = "{field}: choose a password or let Atoll generate one, not both"

    # References
    NOT_FOUND = "{noun} not found: {reference}"
    NO_SUCH_THING = "{field}: no {noun} has the id or name {reference!r}"
    NO_SUCH_PLAN = "{field}: there is no type {reference!r}"
    NO_SUCH_REGION = "{field}: there is no region {reference!r}"
    NO_SUCH_PROJECT = "{field}: there is no project {reference!r}"
    REGION_NEEDED = "{field} is required, because there are several regions"
    AMBIGUOUS = "{reference} is the name of {count} or more: give the id of the {noun}"
    ALIAS_CHAIN = (
        "{field}: {reference!r} is an alias of an alias; a chain has at most {highest} aliases"
    )
    ALIAS_CIRCLE = "{field}: {reference!r} is itself an alias of {image}"
    ONLY_AN_ALIAS = (
        "{field}: image {image} is only an alias and has no data of its own: delete it instead"
    )
    SNAPSHOT_UNUSABLE = "{field}: snapshot {snapshot} cannot be used: it is {state}"
    IMAGE_UNUSABLE = "{field}: image {image} cannot be used: {why}"
    NOT_A_DISC = (
        "{field}: image {image} is a disk, not an ISO: reinstall the instance from it instead"
    )
    NOT_A_DISK = (
        "{field}: image {image} is an ISO, not a disk: attach it to an instance and install from it"
    )
    NO_ORIGIN = (
        "{field} is required: instance {instance} was installed from an ISO, not created from an "
        "image"
    )
    NOT_A_SNAPSHOT = (
        "{field}: {image!r} is an image, not a snapshot: reinstall the instance from it instead"
    )
    DISC_FROM_RECIPE = "{field}: a recipe cannot build an ISO: import the ISO from a URL or a file"
    NOT_A_SUBNET_OF = "{field}: {subnet} is not a subnet of {vpc}"
    SUBNET_NEEDED = "{field} is required, because vpc {vpc} has {how_many} subnets"
    OTHER_REGION = (
        "{field}: instance {instance} is in region {there}, but {noun} {name} is in region {here}"
    )
    SAME_REGION = (
        "{field}: snapshot {snapshot} is already in region {region}: choose another region"
    )
    NO_ROOM_IN_REGION = "{field}: no host in region {region} has room: {why}"
    NO_BACKUP_SCHEDULE = "instance {instance} has no backup schedule"
    ADDRESS_NOT_YOURS = "no instance and no floating IP of this project has the address {reference}"
    ADDRESS_WITHOUT_NAME = "address {reference} has no name"
    NO_SUCH_RULE = "{noun} {name} has no rule {reference}"
    DELETED_ALREADY = "instance not found: {reference} is already deleted"

    # Conflicts with the present situation
    ALREADY_EXISTS = "{noun} already exists: {name}"
    NAME_TAKEN = (
        "{field}: the name {name} is taken by {noun} {holder}: choose another name, or rename or "
        "delete that one first"
    )
    RULE_EXISTS = "{noun} {name} already has this rule: its number is {number}"
    BUSY = "{noun} {name} is busy ({doing} in progress): wait for {operation}"
    QUEUE_FULL = (
        "{highest} operations on {resource} have not ended, the maximum: wait until some have ended"
    )
    ON_ITS_WAY_OUT = "{noun} {name} is being deleted"
    IS_BEING_DELETED = "instance {instance} is deleted, or is being deleted"
    IS_PROTECTED = "instance {instance} is protected from deletion: set {field} to false first"
    IS_STOPPED = "instance {instance} is stopped: start it first"
    IS_BROKEN = "instance {instance} is in state error: delete it"
    NOT_RUNNING = "instance {instance} is not running: start it first"
    NOT_DELETED = "instance {instance} is not deleted"
    NOT_DELETED_YET = "instance {instance} is still being deleted: wait until it is deleted"
    RECOVERY_OVER = "instance {instance} cannot be recovered: its recovery window ended at {at}"
    DELETED_FOR_GOOD = "instance {instance} cannot be recovered: it was permanently deleted at {at}"
    SAME_SIZE = "instance {instance} already has this size"
    DISC_ATTACHED = "ISO {image} is already attached to instance {instance}"
    NO_DISC = "no ISO is attached to instance {instance}"
    HOST_REFUSED = "{why}"
    USED_BY = "{noun} {name} is in use by {user_noun} {user} ({user_id}): {remedy}"
    DISC_IN_USE = (
        "ISO {image} is still attached to instance {instance} ({instance_id}) at {address}: detach "
        "it there first"
    )
    USED_BY_OTHER_PROJECT = (
        "{noun} {name} is in use by {user_noun} {user} ({user_id}) of project {project}: {remedy}"
    )
    USED_BY_SUBNETS = "vpc {vpc} is in use by its subnets ({subnets}): delete those first"
    VOLUME_ATTACHED_HERE = (
        "volume {volume} is already attached to instance {instance} ({instance_id})"
    )
    VOLUME_ATTACHED_ELSEWHERE = (
        "volume {volume} is attached to instance {instance} ({instance_id}): detach it there first"
    )
    VOLUME_IN_USE = (
        "volume {volume} is attached to instance {instance} ({instance_id}): detach it first"
    )
    VOLUME_NOT_ATTACHED = "volume {volume} is not attached to an instance"
    VOLUME_BROKEN = "volume {volume} is in state error ({why}): detach or delete it first"
    VOLUMES_FULL = (
        "instance {instance} already has {highest} volumes, the maximum: detach one first"
    )
    FLOATING_IP_ATTACHED = (
        "floating IP {address} is attached to instance {instance} ({instance_id}): detach it there "
        "first"
    )
    FLOATING_IP_TAKEN = (
        "{field}: {address} is attached to instance {instance}: detach it there first"
    )
    FLOATING_IP_NOT_ATTACHED = "floating IP {address} is not attached to an instance"
    FLOATING_IPS_FULL = (
        "instance {instance} already has {highest} floating IPs, the maximum: detach one first"
    )
    SUBNET_OVERLAPS = "{cidr} overlaps subnet {subnet} ({range}): choose another range"
    SUBNET_ATTACHED = "instance {instance} is already attached to subnet {subnet}"
    SUBNET_NOT_ATTACHED = "instance {instance} has no extra interface in subnet {subnet}"
    VPC_NOT_ATTACHED = "instance {instance} has no extra interface in vpc {vpc}"
    INTERFACES_FULL = (
        "instance {instance} already has {highest} extra interfaces, the maximum: detach a "
        "network first"
    )
    NETWORK_OVERLAPS = (
        "subnet {subnet} ({cidr}) overlaps {range}, a range to which instance {instance} is "
        "already attached: attach a network with another range"
    )
    NO_FREE_RANGE = "no private range is free for another vpc: give one"
    BUILT_IN_GROUP = (
        "security group {name} is built in and cannot be renamed or deleted: change its rules "
        "instead"
    )
    ALIAS_NOT_IMPORTED = "image {image} is an alias of {alias_of}: import {alias_of} instead"
    NOTHING_TO_COPY = "snapshot {snapshot} cannot be copied: it is {state}"
    SNAPSHOT_FAILED = "snapshot {snapshot} could not be created: {why}"
    WEBHOOKS_FULL = "the project already has {highest} webhooks, the maximum: delete one first"
    PROJECT_NOT_EMPTY = "project {name} is not empty: it has {what}; delete that first"
    LAST_ADMIN_KEY = "api key {name} is the last key with the role admin: create another one first"
    HOST_READY = (
        "host {host} is ready, and only a lost host can be removed: stop its server and wait 30 "
        "seconds"
    )
    OPERATION_ENDED = "operation {operation} has already ended: it is {state}"
    NOT_CANCELLABLE = "{kind} cannot be cancelled"
    NOT_FAILED = (
        "operation {operation} is {state}: only a failed or cancelled operation can be retried"
    )
    NOT_RETRIED = "{kind} cannot be retried: send the request again"
    CHANGED_SINCE = (
        "instance {instance} has changed since operation {operation}: send the request again"
    )
    IS_DELETED = "instance {instance} is deleted"
    NO_LONGER_THERE = "{reference} no longer exists"
    IMPORT_IN_PROGRESS = "image {image} is already being imported by {operation}"
    NEEDED_THINGS_GONE = (
        "the image, the subnet or a security group of the instance no longer exists: create a new "
        "instance"
    )
    NEVER_MADE = "instance {instance} has no host, because its creation failed: delete it"
    TOO_MANY_RACES = "there are too many concurrent changes of the same resource: retry"

    # Rights, keys, versions
    ROLE_LACKS_RIGHT = "an API key with the role {role} does not have the right {right}"
    ROLE_TOO_HIGH = "your API key cannot create a key with the higher role {role}"
    KEY_UNKNOWN = "this API key is not known"
    KEY_EXPIRED = "this API key has expired"
    KEY_NEEDED = "an API key is required: send it as {header}"
    TOKEN_UNKNOWN = "this console token is not known: request another one"
    TOKEN_EXPIRED = "this console token has expired: request another one"
    TOKEN_USED = "this console token has already been used: request another one"
    VERSION_DIFFERS = "the version is {version}, {field} says {wanted}: read the resource again"
    KEY_REUSED = "this {field} was already used for another request: use a new one"
    KEY_FROM_EARLIER_VERSION = (
        "this {field} was used with an earlier version of Atoll, whose response cannot be "
        "repeated: check whether the request took effect, then use a new one"
    )

    # Limits
    QUOTA = (
        "quota exceeded: the project may have {limit} {resource}, uses {used}, and requests "
        "{more} more"
    )
    BACKLOG_FULL = "{highest} operations of this project are already waiting: retry in {seconds} s"
    RATE_LIMIT = "rate limit of {limit} exceeded: retry in {seconds} s"
    NO_EVENT_ID = "{field} must be the id of an event, such as 0.17, or now"
    NO_HOST_FITS = "no host in region {region} has room: {why}"
    NO_SUCH_DEVICE = "no host in region {region} has a {kind}"
    HOST_FULL = "host {host} has {free} {resource} free, but {more} more are needed"
    HOST_DISK_LOW = "the disk of host {host} is full but for the reserve of its running guests"
    HOST_DISABLED = "host {host} is disabled"
    NO_ADDRESS_LEFT = "no address is free in {scope}"
