"""Tests that the import hook of the SDKs loads less and changes nothing else."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def python(code: str, **environment: str) -> str:
    """Return the output of Python code in a new interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@cache
def evaluation(stack: str, lazy: str) -> dict[str, Any]:
    """Evaluate a stack with or without the hook; return the number and a digest of its registrations."""
    printed = python(f"from tools.bench.evaluation import main; main({stack!r})", PIPE_LAZY_SDK=lazy)
    return json.loads(printed.splitlines()[-1])


def test_registrations_are_identical_with_and_without_the_hook() -> None:
    # prod declares every kind of resource that the other stacks declare.
    lazy, eager = evaluation("prod", "1"), evaluation("prod", "0")
    assert lazy["resources"] > 100
    assert (lazy["resources"], lazy["digest"]) == (eager["resources"], eager["digest"])


def test_a_changed_setting_changes_the_bytes_that_are_compared() -> None:
    assert evaluation("dev", "1")["digest"] != evaluation("prod", "1")["digest"]


def test_a_resource_does_not_load_other_modules() -> None:
    loaded = python(
        "import sys, lazy_sdk, pulumi_datadog as datadog; datadog.Monitor;"
        "print(sorted(m for m in sys.modules if m.startswith('pulumi_datadog.')))"
    )
    assert "'pulumi_datadog.monitor'" in loaded
    assert "'pulumi_datadog.dashboard'" not in loaded


def test_without_the_hook_a_resource_loads_other_modules() -> None:
    loaded = python(
        "import sys, lazy_sdk, pulumi_cloudflare; print('pulumi_cloudflare.zone_setting' in sys.modules)",
        PIPE_LAZY_SDK="0",
    )
    assert loaded == "True"


def test_an_sdk_that_was_imported_before_the_hook_stays_whole() -> None:
    loaded = python(
        "import pulumi_aws, lazy_sdk;print(pulumi_aws.s3.BucketLifecycleConfigurationRuleArgsDict.__name__)"
    )
    assert loaded == "BucketLifecycleConfigurationRuleArgsDict"


SAMPLE = """
import random, re, importlib, lazy_sdk
from pathlib import Path
count = 0
for sdk in sorted(lazy_sdk.SDKS):
    root = Path(importlib.import_module(sdk).__file__).parent
    listing = [(file, re.search("^__all__ = .(.*?)]", file.read_text(), re.M | re.S))
               for file in random.Random(sdk).sample(sorted(root.rglob("*.py")), 40)]
    for file, listed in listing:
        package = ".".join([sdk, *file.parent.relative_to(root).parts])
        if not listed or package.endswith(".config"):
            continue
        names = re.findall("'([^']+)'", listed[1])
        home = importlib.import_module(f"{package}.{file.stem}")
        package_module = home if file.stem == "outputs" else importlib.import_module(package)
        for name in random.Random(file.name).sample(names, min(3, len(names))):
            assert getattr(package_module, name) is getattr(home, name), (file, name)
            assert getattr(home, name).__module__ == home.__name__, (file, name)
            count += 1
print(count)
"""


def test_names_of_every_kind_exist_in_all_four_sdks() -> None:
    assert int(python(SAMPLE)) > 150


def test_a_function_is_not_shadowed_by_the_module_of_its_name() -> None:
    printed = python(
        "import lazy_sdk, pulumi_cloudflare as cloudflare\n"
        "print(cloudflare.get_zone_output.__name__, cloudflare.get_zone.__name__)"
    )
    assert printed == "get_zone_output get_zone"


def test_an_unknown_name_is_an_attribute_error() -> None:
    printed = python(
        "import lazy_sdk, pulumi_cloudflare\n"
        "try: pulumi_cloudflare.Zoone\n"
        "except AttributeError as fault: print(fault)"
    )
    assert printed == "module 'pulumi_cloudflare' has no attribute 'Zoone'"


THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from sandbox.wire.schema import properties
import pulumi_datadog._inputs as inputs
sys.setswitchinterval(1e-6)
names = [name for name in sorted(inputs.__lazy_classes__) if name.endswith("Args")][:300]
start = Barrier(4)

def read_classes(_):
    classes = []
    for name in names:
        start.wait(20)
        input_class = getattr(inputs, name)
        classes.append((input_class, len(properties.__wrapped__(input_class))))
    return tuple(classes)

with ThreadPoolExecutor(4) as pool:
    print(len(set(pool.map(read_classes, range(4)))))
"""


def test_concurrent_threads_get_the_same_classes_and_properties() -> None:
    assert python(THREADS) == "1"


WAITS = """
import asyncio
waits = []
wait = asyncio.wait

def count(*arguments, **options):
    waits.append(arguments)
    return wait(*arguments, **options)

asyncio.wait = count
import lazy_sdk
from pulumi import Output
from pulumi.runtime import stack

async def main():
    outputs = [Output.from_input(asyncio.sleep(number / 1000, number)) for number in range(50)]
    await stack.wait_for_rpcs()
    assert [await output.future() for output in outputs] == list(range(50))
    print(len(waits))

asyncio.run(main())
"""


def test_pulumi_waits_once_for_all_outputs() -> None:
    assert int(python(WAITS)) <= 2
    assert int(python(WAITS, PIPE_LAZY_SDK="0")) > 10


FAILS = """
import asyncio
import lazy_sdk
from pulumi import Output
from pulumi.runtime import stack

async def main():
    endless = Output.from_input(asyncio.sleep(3600))
    failing = Output.from_input(asyncio.sleep(0.01)).apply(lambda _: 1 / 0)
    await stack.wait_for_rpcs()

try:
    asyncio.run(asyncio.wait_for(main(), 60))
except ZeroDivisionError as error:
    print(error)
"""


def test_a_failed_output_ends_the_wait_for_all_others() -> None:
    assert python(FAILS) == "division by zero"
