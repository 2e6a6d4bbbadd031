"""Each client is built as its ecosystem builds packages, installed elsewhere, and its sample run.

It takes minutes and asks package registries: set PACKAGES=1. POSIX only.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.languages import BUILT, LANGUAGES, Language, missing_tools
from tests.support.stage import simulated

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif("PACKAGES" not in os.environ, reason="takes minutes: set PACKAGES=1"),
]
LINES: Final = 10
SHOWN_CHARACTERS: Final = 4_000
STEPS: Final = {
    "python": """
        "$PYTHON" -m venv venv
        venv/bin/pip install -q build
        venv/bin/python -m build -q --outdir out "$CLIENT"
        ls out/*.tar.gz
        "$PYTHON" -m venv fresh
        fresh/bin/pip install -q out/*.whl
        fresh/bin/python "$CLIENT/samples/quotes.py"
    """,
    "typescript": """
        (cd "$CLIENT" && npm install --no-audit --no-fund --no-package-lock > /dev/null)
        (cd "$CLIENT" && npm pack --pack-destination "$PWD/.." > /dev/null 2>&1)
        mkdir fresh && cd fresh && npm init -y > /dev/null
        npm pkg set type=module
        npm install --no-audit --no-fund --no-package-lock ../*.tgz typescript@5 @types/node@20 \
            > /dev/null
        cp node_modules/iqfeed-gateway-client/samples/*.ts .
        npx tsc --strict --module nodenext --target es2022 --skipLibCheck quotes.ts
        node quotes.js
    """,
    "go": """
        (cd "$CLIENT" && go vet ./...)
        mkdir fresh && cp "$CLIENT"/samples/quotes/*.go fresh && cd fresh
        go mod init fresh 2> /dev/null
        go mod edit -require=iqfeed-gateway/clients/go@v0.1.0 \
            -replace=iqfeed-gateway/clients/go="$CLIENT"
        go mod tidy 2> /dev/null
        go run .
    """,
    "rust": """
        cd "$CLIENT"
        CARGO_TARGET_DIR=../target cargo package -q --allow-dirty --exclude-lockfile
        cd .. && tar xf target/package/*.crate
        cargo init -q --vcs none fresh && cd fresh
        cargo add -q iqfeed-gateway-client --path ../iqfeed-gateway-client-0.1.0
        cp ../iqfeed-gateway-client-0.1.0/samples/quotes.rs src/main.rs
        CARGO_TARGET_DIR=../target cargo run -q
    """,
    "java": """
        (cd "$CLIENT" && mvn -q -B package)
        mkdir fresh && cd fresh
        cp "$CLIENT"/target/iqfeed-gateway-client-0.1.0.jar "$CLIENT"/samples/Quotes.java .
        cp "$CLIENT"/target/dependency/*.jar .
        java -cp '*' Quotes.java
    """,
    "cpp": """
        cmake -S "$CLIENT" -B build -DCMAKE_BUILD_TYPE=Release \
            -DIQFEED_GATEWAY_CLIENT_BUILD_TOOLS=OFF -DCMAKE_INSTALL_PREFIX="$PWD/prefix" > /dev/null
        cmake --build build --parallel 2 > /dev/null
        cmake --install build > /dev/null
        mkdir fresh && cd fresh && cp "$CLIENT"/samples/quotes.cpp "$CLIENT"/samples/*.hpp .
        printf '%s\\n' 'cmake_minimum_required(VERSION 3.20)' 'project(fresh CXX)' \
            'find_package(iqfeed_gateway_client 0.1 REQUIRED)' 'add_executable(quotes quotes.cpp)' \
            'target_link_libraries(quotes iqfeed_gateway_client::iqfeed_gateway_client)' \
            > CMakeLists.txt
        cmake -S . -B build -DCMAKE_PREFIX_PATH="$PWD/../prefix" > /dev/null
        cmake --build build > /dev/null
        build/quotes
    """,
}


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_a_package_is_built_installed_and_used(language: Language, tmp_path: Path) -> None:
    """What users install is the package, not the folder its developers work in."""
    missing = missing_tools(language)
    if missing:
        pytest.skip(f"the {language.name} client needs {' and '.join(missing)}")
    client = tmp_path / "client"
    shutil.copytree(language.folder, client, ignore=shutil.ignore_patterns(*BUILT))
    with simulated(rate=400.0, equity_count=12) as stage:
        ends = stage.gateway.endpoints
        done = subprocess.run(
            [shutil.which("bash") or "bash", "-euo", "pipefail", "-c", STEPS[language.name]],
            cwd=tmp_path,
            env={
                **os.environ,
                "CLIENT": str(client),
                "PYTHON": sys.executable,
                "IQFEED_GATEWAY_DATA": ends["data"],
                "IQFEED_GATEWAY_CONTROL": ends["control"],
            },
            capture_output=True,
            text=True,
            check=False,
        )
    said = (done.stdout + done.stderr)[-SHOWN_CHARACTERS:]
    assert done.returncode == 0, said
    prices = [line for line in done.stdout.splitlines() if "AAPL" in line or "MSFT" in line]
    assert len(prices) >= LINES, said
