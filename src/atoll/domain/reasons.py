"""Every reason for which the domain, the services and the operations reject a request.

A member's name is its code. Its value is the sentence in Atoll's own words: `{field}` stands for
the faulty field, the other names for facts of the error. A dialect renders it with its own field
names (`api/wording.py`) and may replace the sentence. A sentence never contains a path of an API.
"""

from enum import Enum


class Reason(Enum):
    # Values of fields
    LENGTH = "{field}: {lowest} to {highest} characters are allowed"
    TOO_LONG = "{field}: at most {highest} characters are allowed"
    CONTROL_CHARACTERS = "{field}: control characters are not allowed"
    NOT_PRINTABLE = "{field}: only characters that can be printed are allowed"
    OUT_OF_RANGE = "{field} is {value}, allowed are {lowest} to {highest}"
    COUNT_OUT_OF_RANGE = "{field}: {lowest} to {highest} are allowed"
    TOO_MANY = "{field}: {count} given, at most {highest} are allowed"
    NOT_BASE64 = "{field} is not base64: {why}"
    TOO_MANY_BYTES = "{field} has {count} bytes, at most {highest} are allowed"
    NOT_ONE_OF = "{field} must be one of {allowed}"
    IN_THE_PAST = "{field} must lie in the future"
    NOT_HTTP_URL = "{field} must begin with http:// or https://"
    URL_CHARACTERS = "{field}: at most {highest} ASCII characters without spaces are allowed"
    EXCLUDE_EACH_OTHER = "{field} and {other_field} exclude each other"
    ONE_OF_BOTH_NEEDED = "{field} or {other_field} is needed"
    PASSWORD_LENGTH = (
        "{field}: {lowest} to {highest} characters are allowed, of which those outside ASCII count "
        "several times"
    )
    LABEL_KEY_LENGTH = "{field}: {key!r} has {count} characters, {lowest} to {highest} are allowed"
    LABEL_VALUE_LENGTH = "{field}: its value has {count} characters, at most {highest} are allowed"
    DISK_NEVER_SHRINKS = "{field} is {value}, the disk has {present}: a disk never shrinks"
    VOLUME_ONLY_GROWS = (
        "{field} is {value}, volume {volume} has {present} and only grows: {lowest} to {highest} "
        "are allowed"
    )
    IMAGE_NEEDS_MEMORY = "{field} is {value}, image {image} needs {lowest}"
    IMAGE_NEEDS_DISK = (
        "{field}: {image} needs {lowest} GiB of disk, the instance has {present}: resize it first"
    )
    ACCELERATOR_KIND = (
        "{field} is {value!r}: lower-case letters, digits, dots and hyphens are allowed, as in "
        "nvidia-rtx-3090"
    )
    NOT_ONE_LINE = "{field} must be one line"
    KEY_TYPE = "{field} must begin with a key type, one of {allowed}"
    NOT_A_KEY = "{field}: what follows {kind} is not such a key"
    NO_INTERPRETER = "{field} must begin with #! and the program that runs it"
    NOT_AN_IPV4_RANGE = "{field}: {why}; write it as 10.0.0.0/16"
    NOT_AN_IPV6_RANGE = "{field}: {why}; write it as 2001:db8::/32"
    PREFIX_LENGTH = "{field}: /{value} is not allowed, /{lowest} to /{highest} are"
    NOT_A_PRIVATE_RANGE = "{field}: {cidr} is not a private range (RFC 1918)"
    NOT_INSIDE_VPC = "{field}: {cidr} is not inside {range} of vpc {vpc}"
    NOT_A_HOST_NAME = "{field}: {value!r} is not a full host name; one is web.example.com"
    NO_SUCH_EVENT = "{field}: there is no event {value!r}; there are {allowed}"
    NOT_A_SCHEDULE = (
        "{field}: {value!r} is none; five fields are: minute, hour, day of the month, month, day "
        'of the week, as in "30 3 * * *"'
    )
    CHECKSUM_FORM = "{field} must be sha256: and 64 hexadecimal digits, or sha512: and 128"
    API_NAME = "{field}: small letters, digits and hyphens are allowed, 63 at most"
    API_NAME_RESERVED = "{field}: {value} is an API of Atoll's own: choose another name"
    API_WITHOUT_SERVER = "{field}: the document names no server with a host: say where the API is"
    NOT_A_WEB_ADDRESS = "{field}: {value} is not an address: http://… or https://…"
    NOT_AN_OPENAPI_DOCUMENT = "{field}: {why}"
    API_WITHOUT_OPERATIONS = "{field}: the document has no operations, so no tools"
    UNKNOWN_QUOTA = "{field} is not known; there are {allowed}"
    PORT_MAX_ALONE = "{field} needs a port beside it"
    PROTOCOL_WITHOUT_PORTS = "{field}: {protocol} has no ports"
    PORT_ORDER = "{field}: ports {first} to {last}, allowed are 1 to 65535 in rising order"
    PASSWORD_TWICE = "{field}: a password is either generated or chosen, not both"

    # References
    NOT_FOUND = "{noun} not found: {reference}"
    NO_SUCH_THING = "{field}: no {noun} has the id or name {reference!r}"
    NO_SUCH_PLAN = "{field}: there is no type {reference!r}"
    NO_SUCH_REGION = "{field}: there is no region {reference!r}"
    NO_SUCH_PROJECT = "{field}: there is no project {reference!r}"
    REGION_NEEDED = "{field} is needed: there are several regions"
    AMBIGUOUS = "{count} or more are called {reference}: name the {noun} by its id"
    ALIAS_CHAIN = "{field}: the alias chain of {reference!r} is longer than {highest}"
    ALIAS_CIRCLE = "{field}: {reference!r} leads back to {image}"
    ONLY_AN_ALIAS = "{field}: {image} is nothing but an alias: delete it instead"
    SNAPSHOT_NOT_COMPLETE = (
        "{field}: snapshot {snapshot} is {state}, only a complete one can be used"
    )
    IMAGE_UNUSABLE = "{field}: {image} cannot be used: {why}"
    NOT_A_DISC = "{field}: {image} is a disk: reinstall from it"
    NOT_A_DISK = "{field}: {image} is a disc: attach it, and install from it"
    NOT_A_SNAPSHOT = "{field}: {image!r} is an image: reinstall from it"
    DISC_FROM_RECIPE = "{field}: a disc is imported from a url or a file"
    NOT_A_SUBNET_OF = "{field}: {subnet} is not a subnet of {vpc}"
    SUBNET_NEEDED = "{field} is needed: vpc {vpc} has {how_many} subnets"
    OTHER_REGION = "{field}: instance {instance} is in region {there}, {noun} {name} in {here}"
    SAME_REGION = "{field}: snapshot {snapshot} is in {region} already, name another one"
    NO_ROOM_IN_REGION = "{field}: no host of region {region} has room for it: {why}"
    NO_BACKUP_SCHEDULE = "instance {instance} has no backup schedule"
    ADDRESS_NOT_YOURS = "no instance and no floating IP of this project has the address {reference}"
    ADDRESS_WITHOUT_NAME = "address {reference} has no name"
    NO_SUCH_RULE = "{noun} {name} has no rule {reference}"
    DELETED_ALREADY = "instance not found: {reference} is deleted already"

    # Conflicts with the present situation
    ALREADY_EXISTS = "{noun} already exists: {name}"
    RULE_EXISTS = "rule {number} of {noun} {name} says that already"
    BUSY = "{noun} {name} is busy ({doing} in progress): wait for {operation}"
    IS_BEING_DELETED = "instance {instance} is being deleted or is gone"
    IS_PROTECTED = "instance {instance} is protected from deletion: set {field} to false first"
    IS_STOPPED = "instance {instance} is stopped: start it"
    IS_BROKEN = "instance {instance} is broken: delete it"
    NOT_RUNNING = "instance {instance} does not run: start it first"
    NOT_DELETED = "instance {instance} is not deleted"
    NOT_DELETED_YET = "instance {instance} is not deleted yet"
    RECOVERY_OVER = "instance {instance} cannot be recovered: its recovery window ended at {at}"
    DELETED_FOR_GOOD = "instance {instance} cannot be recovered: it was deleted for good at {at}"
    SAME_SIZE = "instance {instance} has this size already"
    DISC_ATTACHED = "{image} is in the drive of {instance} already"
    NO_DISC = "there is no disc in the drive of {instance}"
    HOST_REFUSED = "{why}"
    USED_BY = "{noun} {name} is in use by {user_noun} {user} ({user_id}): {remedy}"
    USED_BY_OTHER_PROJECT = (
        "{noun} {name} is in use by {user_noun} {user} ({user_id}) of project {project}: {remedy}"
    )
    USED_BY_SUBNETS = "vpc {vpc} is in use by subnets ({subnets}): delete those first"
    VOLUME_ATTACHED_HERE = (
        "volume {volume} is attached to instance {instance} ({instance_id}) already"
    )
    VOLUME_ATTACHED_ELSEWHERE = (
        "volume {volume} is attached to instance {instance} ({instance_id}): detach it there first"
    )
    VOLUME_IN_USE = (
        "volume {volume} is attached to instance {instance} ({instance_id}): detach it first"
    )
    VOLUME_NOT_ATTACHED = "volume {volume} is attached to no instance"
    VOLUME_BROKEN = "volume {volume} is broken ({why}): detach or delete it first"
    VOLUMES_FULL = "instance {instance} has {highest} volumes, which is the most"
    FLOATING_IP_ATTACHED = (
        "floating IP {address} is attached to instance {instance} ({instance_id}): detach it there "
        "first"
    )
    FLOATING_IP_TAKEN = (
        "{field}: {address} is attached to instance {instance}: detach it there first"
    )
    FLOATING_IP_NOT_ATTACHED = "floating IP {address} is attached to no instance"
    FLOATING_IPS_FULL = "instance {instance} has {highest} floating IPs, which is the most"
    SUBNET_OVERLAPS = "{cidr} overlaps subnet {subnet}, {range}"
    SUBNET_ATTACHING = "{doing} of subnet {subnet} is in progress: wait for {operation}"
    SUBNET_ATTACHED = "instance {instance} is in subnet {subnet} already"
    SUBNET_NOT_ATTACHED = "instance {instance} has no extra interface in subnet {subnet}"
    VPC_NOT_ATTACHED = "instance {instance} has no extra interface in vpc {vpc}"
    INTERFACES_FULL = "instance {instance} has {highest} further networks, which is the most"
    NETWORK_OVERLAPS = (
        "subnet {subnet}, {cidr}, overlaps {range}, which instance {instance} is in already: "
        "attach a network of another range"
    )
    NO_FREE_RANGE = "no range is free for another vpc: name one"
    BUILT_IN_GROUP = (
        "every project has a security group {name}, which can be neither renamed nor deleted: "
        "change its rules"
    )
    ALIAS_NOT_IMPORTED = "image {image} is an alias of {alias_of}: import that one"
    NOTHING_TO_COPY = "snapshot {snapshot} is {state}: only a complete one has something to copy"
    WEBHOOKS_FULL = "a project may have {highest} webhooks: delete one first"
    LAST_ADMIN_KEY = "api key {name} is the last one with the role admin: make another one first"
    HOST_READY = (
        "host {host} is ready: only a lost host is removed. Stop its server, and wait until it has "
        "been silent for 30 seconds"
    )
    OPERATION_ENDED = "operation {operation} has ended: it is {state}"
    NOT_CANCELLABLE = "{kind} cannot be cancelled"
    NOT_FAILED = (
        "operation {operation} is {state}: only what failed or was cancelled can be retried"
    )
    NOT_RETRIED = "{kind} is not retried: ask for it anew"
    CHANGED_SINCE = "instance {instance} is no longer what {operation} left"
    IS_DELETED = "instance {instance} is deleted"
    NO_LONGER_THERE = "{reference} is no longer there"
    IMPORT_IN_PROGRESS = "image {image} is being imported by {operation}"
    NEEDED_THINGS_GONE = (
        "its image, its subnet or one of its security groups is gone: create it anew"
    )
    NEVER_MADE = "instance {instance} has no host: it was never made"
    SNAPSHOT_BEING_DELETED = "snapshot {snapshot} is being deleted"
    TOO_MANY_RACES = "too many concurrent changes of the same thing: retry"

    # Rights, keys, versions
    ROLE_LACKS_RIGHT = "a key with the role {role} may not {right}"
    ROLE_TOO_HIGH = "a key may not make one with the role {role}"
    KEY_UNKNOWN = "this API key is not known"
    KEY_EXPIRED = "this API key has expired"
    KEY_NEEDED = "an API key is needed: send it as {header}"
    TOKEN_UNKNOWN = "this console token is not known"
    TOKEN_EXPIRED = "this console token has expired: ask for another one"
    TOKEN_USED = "this console token was used already: ask for another one"
    VERSION_DIFFERS = "the version is {version}, {field} says {wanted}: read it again"
    KEY_REUSED = "this {field} came with another request before: use a new one"
    KEY_FROM_EARLIER_VERSION = (
        "this {field} was answered by an earlier version of Atoll, which kept it in another form: "
        "look whether the request was carried out, then use a new one"
    )

    # Limits
    QUOTA = (
        "the project may have {limit} {resource}: {used} are in use, and {more} more were asked for"
    )
    BACKLOG_FULL = (
        "{highest} operations of this project wait to be carried out: try again in {seconds} s"
    )
    RATE_LIMIT = "rate limit of {limit} exceeded: try again in {seconds} s"
    NO_EVENT_ID = "{field} is not the id of an event: it has the form 0.17, or now"
    NO_HOST_FITS = "no host in region {region} can take it: {why}"
    NO_SUCH_DEVICE = "no host in region {region} has a {kind}"
    HOST_FULL = "host {host} has {free} {resource} free, {more} more are wanted"
    HOST_DISABLED = "host {host} is disabled"
    NO_ADDRESS_LEFT = "no address is left in {scope}"
