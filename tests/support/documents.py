"""The applications of the dialects without services, and their documents. They are the same for
every cloud, and many tests read them: they are built once a process. Nobody may change them."""

import functools
from typing import Any

from litestar import Litestar

from atoll.api.genesis import app as genesis_app
from atoll.api.genesis import catalogue as genesis_catalogue
from atoll.api.genesis.openapi import genesis_document
from atoll.api.native import app as native_app
from atoll.api.native.openapi import native_document
from atoll.api.vultr import app as vultr_app
from atoll.api.vultr import catalogue as vultr_catalogue
from atoll.api.vultr.openapi import vultr_document

NOBODY: Any = None


@functools.cache
def native() -> Litestar:
    return native_app.build(NOBODY)


@functools.cache
def vultr() -> Litestar:
    return vultr_app.build(NOBODY, vultr_catalogue.read(vultr_catalogue.PACKAGED))


@functools.cache
def genesis() -> Litestar:
    return genesis_app.build(NOBODY, genesis_catalogue.read(genesis_catalogue.PACKAGED))


@functools.cache
def of_native() -> dict[str, Any]:
    return native_document(native())


@functools.cache
def of_vultr() -> dict[str, Any]:
    return vultr_document(vultr())


@functools.cache
def of_genesis() -> dict[str, Any]:
    return genesis_document(genesis())
