# SPDX-License-Identifier: Apache-2.0
"""Who may: credentials, tokens and certificates with real registries, and that no secret shows."""

import base64
import glob
import json
import os
import shlex
import stat
import subprocess

import pytest

import images
import registries
from certificates import Authority
from hostile_registry import PASS, HostileRegistry
from registries import PASSWORD, USER, skopeo_raw
from token_server import TokenServer

CREDENTIALS = f"{USER}:{PASSWORD}"
ENCODED = base64.b64encode(CREDENTIALS.encode()).decode()
NO_PERMISSION = 77


def have_image(host, registry, name="gadget/x:v1"):
    """Put an image for that registry into the host's store; its name."""
    images.our_gadget(host.layout, f"{registry.host}/{name}")
    return f"{registry.host}/{name}"


def login(host, registry, *flags, password=PASSWORD, **more):
    return host.ok("login", registry.host, "-u", USER, "--password-stdin", *flags,
                   stdin=f"{password}\n", **more)


# ---- basic ------------------------------------------------------------------


@pytest.fixture
def ca(authority):
    return f"--ca-file={authority.ca}"


def test_logged_in_one_may_push_and_pull(host, basic_registry, ca):
    image = have_image(host, basic_registry)
    host.fails("push", image, ca, code=NO_PERMISSION)
    login(host, basic_registry, ca)
    pushed = host.ok("push", image, ca)
    host.ok("pull", image, ca)
    raw = skopeo_raw(image, "--creds", CREDENTIALS)
    assert pushed.stdout == f"{image}@{images.digest_of(raw)}\n"


def test_nobody_is_told_to_log_in(host, basic_registry, ca):
    error = host.fails("pull", f"{basic_registry.host}/gadget/x:v1", ca, code=NO_PERMISSION).error
    assert f"gadgetctl login {basic_registry.host}" in error


def test_a_wrong_password_is_refused_and_not_kept(host, basic_registry, ca):
    done = host.fails("login", basic_registry.host, "-u", USER, "--password-stdin", ca,
                      stdin="wrong-secret", code=NO_PERMISSION)
    assert "wrong" in done.error and "wrong-secret" not in done.stderr
    assert not glob.glob(f"{host.home}/**/*", recursive=True)
    assert not glob.glob(f"{host.runtime}/**/*", recursive=True)


def test_logout_forgets(host, basic_registry, ca):
    image = have_image(host, basic_registry, "gadget/out:v1")
    login(host, basic_registry, ca)
    host.ok("logout", basic_registry.host)
    host.fails("push", image, ca, code=NO_PERMISSION)
    for path in glob.glob(f"{host.home}/**/*.json", recursive=True):
        with open(path, encoding="utf-8") as f:
            assert ENCODED not in f.read()


def test_others_understand_the_file_that_login_writes(host, basic_registry, ca):
    image = have_image(host, basic_registry, "gadget/others:v1")
    authfile = f"{host.folder}/auth.json"
    login(host, basic_registry, ca, f"--authfile={authfile}")
    host.ok("push", image, ca, f"--authfile={authfile}")
    skopeo_raw(image, "--authfile", authfile)
    assert stat.S_IMODE(os.stat(authfile).st_mode) == 0o600


def test_we_understand_the_file_that_skopeo_writes(host, basic_registry, ca):
    image = have_image(host, basic_registry, "gadget/skopeo:v1")
    authfile = f"{host.folder}/auth.json"
    registries.skopeo("login", "--tls-verify=false", "--authfile", authfile, "-u", USER, "-p",
                      PASSWORD, basic_registry.host)
    host.ok("push", image, ca, f"--authfile={authfile}")


def test_login_keeps_what_else_is_in_the_file(host, basic_registry, ca):
    path = host.auth_file(f"{host.home}/.docker/config.json", {"other.example": ("a", "b")},
                          HttpHeaders={"X-Meta": "kept"})
    login(host, basic_registry, ca)
    with open(path, encoding="utf-8") as f:
        document = json.load(f)
    assert document["HttpHeaders"] == {"X-Meta": "kept"}
    assert document["auths"]["other.example"] == {"auth": base64.b64encode(b"a:b").decode()}
    assert document["auths"][basic_registry.host]["auth"] == ENCODED
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


# ---- which file -------------------------------------------------------------


@pytest.fixture
def asking():
    """A registry that asks for a password and takes none, so that one can see whose it gets."""
    with HostileRegistry() as registry:
        registry.on("GET", "", lambda exchange: exchange.send(
            401, WWW_Authenticate='Basic realm="test"'))
        yield registry


def shown(host, registry, *flags, image="team/x:v1", **more):
    """The user that a pull shows the registry, or None."""
    del registry.seen[:]
    host.fails("pull", f"{registry.host}/{image}", f"--insecure-registry={registry.host}", *flags,
               code=NO_PERMISSION, **more)
    values = {s.headers["authorization"] for s in registry.seen if "authorization" in s.headers}
    users = {base64.b64decode(v.removeprefix("Basic ")).decode().split(":")[0] for v in values}
    assert len(users) <= 1
    return users.pop() if users else None


def test_files_are_asked_in_the_order_of_docker_and_podman(host, asking):
    def file(path, user):
        return host.auth_file(path, {asking.host: (user, "x")})

    assert shown(host, asking) is None
    file(f"{host.home}/.docker/config.json", "docker")
    assert shown(host, asking) == "docker"
    file(f"{host.folder}/elsewhere/config.json", "docker-config")
    host.env["DOCKER_CONFIG"] = f"{host.folder}/elsewhere"
    assert shown(host, asking) == "docker-config"
    file(f"{host.runtime}/containers/auth.json", "podman")
    assert shown(host, asking) == "podman"
    host.env["REGISTRY_AUTH_FILE"] = file(f"{host.folder}/variable.json", "variable")
    assert shown(host, asking) == "variable"
    assert shown(host, asking, f"--authfile={file(f'{host.folder}/flag.json', 'flag')}") == "flag"


def test_a_file_that_does_not_know_the_registry_is_passed_over(host, asking):
    host.auth_file(f"{host.runtime}/containers/auth.json", {"other.example": ("podman", "x")})
    host.auth_file(f"{host.home}/.docker/config.json", {asking.host: ("docker", "x")})
    assert shown(host, asking) == "docker"


def test_the_longest_namespace_counts(host, asking):
    host.auth_file(f"{host.home}/.docker/config.json", {
        asking.host: ("host", "x"), f"{asking.host}/team": ("team", "x"),
        f"{asking.host}/team/deep": ("deep", "x"), f"{asking.host}/tea": ("tea", "x")})
    assert shown(host, asking, image="team/x:v1") == "team"
    assert shown(host, asking, image="team/deep/x:v1") == "deep"
    assert shown(host, asking, image="teammate/x:v1") == "host"


def test_a_file_that_is_named_must_be_there_and_whole(host, asking):
    image = f"{asking.host}/x:v1"
    host.fails("pull", image, f"--authfile={host.folder}/none.json", code=66)
    for text in ("{", "[]", '{"auths": 1}', '{"auths": {"%s": {"auth": "!"}}}' % asking.host):
        path = f"{host.folder}/broken.json"
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        error = host.fails("pull", image, f"--insecure-registry={asking.host}",
                           f"--authfile={path}").error
        assert path in error, text
    assert not asking.seen


# ---- helpers ----------------------------------------------------------------

# Says what it was told and by whom, and knows one secret.
HELPER = """
printf '%s %s ' "$0" "$*" >>{log}
case "$1" in
get) tee -a {log} >{log}.last; echo >>{log}
	grep -qx '{host}' {log}.last || {{ echo 'credentials not found in native keychain'; exit 1; }}
	printf '{{"ServerURL":"%s","Username":"{user}","Secret":"{secret}"}}' '{host}' ;;
*) cat >>{log}; echo >>{log} ;;
esac
"""


def helper(host, registry, name="test", user=USER, secret=PASSWORD):
    """Install one; the file in which it keeps a log."""
    log = f"{host.folder}/{name}.log"
    host.helper(name, HELPER.format(log=shlex.quote(log), host=registry.host, user=user,
                                    secret=secret))
    return log


def test_a_helper_of_the_registry_is_asked(host, basic_registry, ca):
    log = helper(host, basic_registry)
    host.auth_file(f"{host.home}/.docker/config.json", {basic_registry.host: (USER, "old")},
                   credHelpers={basic_registry.host: "test"})
    host.ok("push", have_image(host, basic_registry, "gadget/helper:v1"), ca)
    with open(log, encoding="utf-8") as f:
        asked = f.read().splitlines()
    assert {line.split("/")[-1] for line in asked} == {
        f"docker-credential-test get {basic_registry.host}"}


def test_a_helper_for_all_is_asked_and_kept_up(host, basic_registry, ca):
    log = helper(host, basic_registry)
    path = host.auth_file(f"{host.home}/.docker/config.json", credsStore="test")
    host.ok("push", have_image(host, basic_registry, "gadget/store:v1"), ca)
    login(host, basic_registry, ca)
    host.ok("logout", basic_registry.host)
    with open(log, encoding="utf-8") as f:
        text = f.read()
    assert "test store {" in text and PASSWORD in text and "test erase " in text
    with open(path, encoding="utf-8") as f:
        assert ENCODED not in f.read(), "what the helper keeps is not in the file as well"


def test_a_helper_without_credentials_leaves_one_nobody(host, asking):
    host.helper("test", "cat >/dev/null; echo 'credentials not found in native keychain'; exit 1\n")
    host.auth_file(f"{host.home}/.docker/config.json", credHelpers={asking.host: "test"})
    assert shown(host, asking) is None


@pytest.mark.parametrize("script", [
    "exit 3\n", "echo no JSON\n", "cat >/dev/null; head -c 9000000 /dev/zero\n", "kill -9 $$\n",
    """echo '{"Username":"u"}'\n""", """echo '{"Username":1,"Secret":[]}'\n"""])
def test_a_broken_helper_is_named(host, asking, script):
    host.helper("test", script)
    host.auth_file(f"{host.home}/.docker/config.json", credHelpers={asking.host: "test"})
    done = host.fails("pull", f"{asking.host}/x:v1", f"--insecure-registry={asking.host}")
    assert "helper 'test'" in done.error
    assert not asking.seen


def test_a_helper_that_is_not_installed_is_named(host, asking):
    host.auth_file(f"{host.home}/.docker/config.json", credHelpers={asking.host: "none"})
    done = host.fails("pull", f"{asking.host}/x:v1", f"--insecure-registry={asking.host}")
    assert "docker-credential-none" in done.error


@pytest.mark.parametrize("name", ["../evil", "a/b", "-x", ""])
def test_a_helper_has_a_plain_name(host, asking, name):
    host.helper("test", "exit 0\n")
    host.auth_file(f"{host.home}/.docker/config.json", credHelpers={asking.host: name})
    host.fails("pull", f"{asking.host}/x:v1", f"--insecure-registry={asking.host}")


# ---- tokens -----------------------------------------------------------------


@pytest.fixture(scope="module")
def tokens(signer, server_pair):
    with TokenServer(signer, server_pair, {USER: PASSWORD}, "refresh-me-77") as service:
        yield service


@pytest.fixture(scope="module")
def token_registry(tokens, server_pair, tmp_path_factory):
    try:
        with registries.Registry(tmp_path_factory.mktemp("token"), token=tokens,
                                 pair=server_pair) as registry:
            yield registry
    except registries.Missing as missing:
        pytest.skip(str(missing))


def test_a_password_is_exchanged_for_tokens(host, token_registry, tokens, ca):
    image = have_image(host, token_registry)
    login(host, token_registry, ca)
    mark = len(tokens.asked)
    host.ok("push", image, ca)
    asked = tokens.asked[mark:]
    assert {(a.method, a.user) for a in asked} == {("GET", USER)}
    assert {s for a in asked for s in a.scopes} == {"repository:gadget/x:pull,push"}
    assert len(asked) == 1, "one token serves the whole push"
    assert skopeo_raw(image)


def test_anybody_may_pull_with_a_token_for_nobody(host, token_registry, tokens, ca):
    image = have_image(host, token_registry)
    host.ok("push", image, ca, f"--authfile={refreshing(host, token_registry)}")
    host.ok("image", "remove", image)
    mark = len(tokens.asked)
    host.ok("pull", image, ca)
    assert {(a.method, a.user) for a in tokens.asked[mark:]} == {("GET", "")}
    error = host.fails("push", image + "-mine", ca, code=66).error
    assert "no image" in error


def test_nobody_may_push(host, token_registry, ca):
    image = have_image(host, token_registry, "gadget/nobody:v1")
    error = host.fails("push", image, ca, code=NO_PERMISSION).error
    assert f"gadgetctl login {token_registry.host}" in error


def refreshing(host, registry, token="refresh-me-77"):
    """An auth file with a token that is exchanged for others."""
    path = f"{host.folder}/identity.json"
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"auths": {registry.host: {
            "auth": base64.b64encode(b"00000000:").decode(), "identitytoken": token}}}, f)
    return path


def test_an_identity_token_is_exchanged_by_post(host, token_registry, tokens, ca):
    image = have_image(host, token_registry, "gadget/post:v1")
    mark = len(tokens.asked)
    host.ok("push", image, ca, f"--authfile={refreshing(host, token_registry)}")
    asked = tokens.asked[mark:]
    assert {(a.method, a.user) for a in asked} == {("POST", "refreshed")}
    assert asked[0].fields["grant_type"] == ["refresh_token"]
    assert asked[0].fields["client_id"]


def test_a_helper_may_give_an_identity_token(host, token_registry, tokens, ca):
    helper(host, token_registry, user="<token>", secret="refresh-me-77")
    host.auth_file(f"{host.home}/.docker/config.json", credsStore="test")
    mark = len(tokens.asked)
    host.ok("push", have_image(host, token_registry, "gadget/given:v1"), ca)
    assert {a.method for a in tokens.asked[mark:]} == {"POST"}


def test_wrong_secrets_get_no_token(host, token_registry, ca):
    image = have_image(host, token_registry, "gadget/wrong:v1")
    wrong = host.auth_file(f"{host.folder}/a.json", {token_registry.host: (USER, "not-it-55")})
    for path in (wrong, refreshing(host, token_registry, "not-it-55")):
        done = host.fails("push", image, ca, f"--authfile={path}", code=NO_PERMISSION)
        assert "not-it-55" not in done.stderr
    host.fails("login", token_registry.host, "-u", USER, "--password-stdin", ca,
               stdin="not-it-55", code=NO_PERMISSION)


def with_tokens(registry, uses):
    """Let a registry give tokens that are good for so many requests, then forgotten."""
    left = {}

    def give(exchange):
        token = f"t{len(left)}"
        left[token] = uses
        exchange.send(200, json.dumps({"token": token, "expires_in": 300}))

    def ask(exchange):
        token = exchange.headers.get("authorization", "").removeprefix("Bearer ")
        if left.get(token, 0) > 0:
            left[token] -= 1
            return PASS
        return exchange.send(401, WWW_Authenticate=f'Bearer realm="{registry.url}/token",'
                             'service="s",error="invalid_token"')

    registry.on("GET", "^/token", give)
    registry.on("GET|HEAD|POST|PUT|PATCH", "^/v2", ask)
    return left


def test_a_token_that_ends_early_is_replaced(host, tmp_path):
    layout = images.Layout(tmp_path / "layout")
    digest = images.our_gadget(layout, "latest")
    with HostileRegistry(layout) as registry:
        given = with_tokens(registry, uses=1)
        host.ok("pull", registry.image(), f"--insecure-registry={registry.host}", "--jobs=1")
        assert host.names() == {registry.image(): digest}
        assert len(given) > 1


# ---- TLS --------------------------------------------------------------------


def test_who_signs_for_the_registry_must_be_known(host, basic_registry, ca, tmp_path):
    image = f"{basic_registry.host}/gadget/x:v1"
    stranger = Authority(tmp_path / "other", "another CA")
    for flags in ((), (f"--ca-file={stranger.ca}",)):
        error = host.fails("pull", image, *flags).error
        assert "certificate" in error
    host.fails("pull", image, ca, code=NO_PERMISSION)  # as far as the password


@pytest.mark.parametrize("which", ["another host", "expired", "itself"])
def test_a_certificate_must_be_good_for_the_host(host, authority, ca, tmp_path, which):
    pair = {"another host": lambda: authority.server("elsewhere", hosts=("elsewhere.example",)),
            "expired": authority.expired,
            "itself": Authority(tmp_path / "self").server}[which]()
    with HostileRegistry(pair=pair, address="localhost") as registry:
        host.auth_file(f"{host.home}/.docker/config.json", {registry.host: (USER, PASSWORD)})
        error = host.fails("pull", registry.image(), ca).error
        assert "certificate" in error or "SSL" in error
        assert not registry.seen, "nothing was said to it"


def test_plain_http_is_spoken_only_when_the_host_was_named(host, plain_registry, tmp_path):
    image = have_image(host, plain_registry, "gadget/plainly:v1")
    error = host.fails("push", image).error
    assert "gadget/plainly" in error
    host.fails("push", image, f"--insecure-registry=localhost:{plain_registry.port + 1}")
    host.fails("push", image, "--insecure-registry=localhost")
    host.fails("push", image, "--insecure-registry=http://" + plain_registry.host, code=2)
    host.ok("push", image, f"--insecure-registry={plain_registry.host}")
    host.ok("push", image, env={"GADGETCTL_INSECURE_REGISTRIES": plain_registry.host})


def test_a_client_shows_its_certificate(host, authority, mtls_registry, ca, tmp_path):
    image = have_image(host, mtls_registry)
    mine, others = authority.client(), Authority(tmp_path / "other").client()
    host.fails("push", image, ca)
    host.fails("push", image, ca, f"--cert-file={others.cert}", f"--key-file={others.key}")
    host.ok("push", image, ca, f"--cert-file={mine.cert}", f"--key-file={mine.key}")
    assert "--key-file" in host.fails("push", image, ca, f"--cert-file={mine.cert}").error


def test_a_certificate_file_that_cannot_be_read_is_named(host, mtls_registry, authority):
    image = f"{mtls_registry.host}/x:v1"
    for flag in ("--ca-file", "--cert-file"):
        missing = f"{host.folder}/none.pem"
        more = [f"--key-file={missing}"] if flag == "--cert-file" else []
        assert missing in host.fails("pull", image, f"{flag}={missing}", *more, code=66).error


@pytest.mark.parametrize("folder", ["containers", "docker"])
def test_certificates_of_the_administrator_are_found(host, authority, mtls_registry, folder,
                                                     tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a mount namespace needs root")
    client = authority.client()
    image = have_image(host, mtls_registry, f"gadget/{folder}:v1")
    ours = f"{tmp_path}/etc/certs.d/{mtls_registry.host}"
    os.makedirs(ours)
    for name, path in (("ca.crt", authority.ca), ("client.cert", client.cert),
                       ("client.key", client.key)):
        os.symlink(path, f"{ours}/{name}")
    target = f"/etc/{folder}"
    if not os.path.isdir(target):
        pytest.skip(f"there is no {target}")
    # Only this process sees our folder there.
    script = f'mount --bind "$1" {target} && shift && exec "$@"'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", f"{tmp_path}/etc",
                           host.path, "push", image], env=host.env, capture_output=True,
                          text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount namespace here: {done.stderr}")
    assert done.returncode == 0, done.stderr


# ---- no secret shows --------------------------------------------------------


def every_argument_seen(process):
    """The command lines of a process and its children, until it ends."""
    seen = set()
    while process.running:
        for path in [f"/proc/{process.pid}", *children(process.pid)]:
            try:
                with open(f"{path}/cmdline", "rb") as f:
                    seen.add(f.read())
                with open(f"{path}/environ", "rb") as f:
                    seen.add(f.read())
            except OSError:  # it has ended
                pass
    process.wait()
    return b"\n".join(seen)


def children(pid):
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path, encoding="ascii") as f:
                found += [f"/proc/{child}" for child in f.read().split()]
        except OSError:
            pass
    return found


def test_no_secret_is_in_logs_arguments_or_readable_files(host, token_registry, ca):
    log = helper(host, token_registry)
    old = os.umask(0)
    try:
        image = have_image(host, token_registry, "gadget/secret:v1")
        login(host, token_registry, ca)
        host.auth_file(f"{host.folder}/helped.json", credHelpers={token_registry.host: "test"})
        secrets = [PASSWORD.encode(), ENCODED.encode(), b"Bearer ", b"eyJ"]
        for flags in (["push", image], ["pull", image],
                      ["push", image, f"--authfile={host.folder}/helped.json"],
                      ["pull", f"{token_registry.host}/gadget/none:v1"]):
            with host.start("--log-level=debug", *flags, ca) as process:
                arguments = every_argument_seen(process)
                said = (process.stdout + process.stderr).encode()
            for secret in secrets:
                assert secret not in said and secret not in arguments, flags
    finally:
        os.umask(old)
    os.unlink(log), os.unlink(f"{log}.last")
    for folder, _, files in os.walk(host.folder):
        for name in files:
            path = f"{folder}/{name}"
            with open(path, "rb") as f:
                data = f.read()
            if not path.startswith(f"{host.folder}/bin/") and any(s in data for s in secrets[:2]):
                assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, path
