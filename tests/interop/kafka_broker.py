# SPDX-License-Identifier: Apache-2.0
"""A real Apache Kafka broker (KRaft, one node, loopback) for tests, and its mock.

KafkaBroker starts the broker of kafka/pom.xml on free ports below a folder, can be
killed with -9 and started again on the same ports and data, and reads a topic
back with kcat, which shares no code with the program under test but librdkafka;
console_count() reads it with the broker's own Java client as well.

KafkaMock runs librdkafka's mock cluster (kafka/kafka_mock.c) for injected errors.
"""

import base64
import fcntl
import glob
import os
import shutil
import subprocess
import tempfile
import uuid
from typing import NamedTuple

from support import BUILD, Process, clean_env, free_port, wait_until

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kafka")
VERSION = "4.1.1"
JAVA = ["java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=3
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""


class KafkaMissing(Exception):
    """The broker cannot be had here; the text says why."""


def cache_dir():
    base = os.environ.get("GADGETCTL_CACHE") or os.path.expanduser("~/.cache/gadgetctl")
    return os.path.join(base, f"kafka-{VERSION}")


def jars():
    """The folder of the broker's jars; fetched by Maven once and kept."""
    if not shutil.which("java"):
        raise KafkaMissing("java is not installed")
    folder = cache_dir()
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with open(folder + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if glob.glob(f"{folder}/kafka_2.13-{VERSION}.jar"):
            return folder
        if not shutil.which("mvn"):
            raise KafkaMissing("maven is not installed")
        fetched = tempfile.mkdtemp(prefix="kafka-jars.", dir=os.path.dirname(folder))
        try:
            done = subprocess.run(
                ["mvn", "-q", "-B", "-f", f"{HERE}/pom.xml", f"-Dkafka.version={VERSION}",
                 "dependency:copy-dependencies", f"-DoutputDirectory={fetched}"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
            if done.returncode:
                raise KafkaMissing(f"maven cannot fetch Kafka {VERSION}: {done.stdout[-500:]}")
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(fetched, folder)
        finally:
            shutil.rmtree(fetched, ignore_errors=True)
    return folder


class Message(NamedTuple):
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes
    value: bytes


# %K and %S are lengths (-1: null), so keys and values may hold any byte.
KCAT_FORMAT = "%p %o %T %K %S\n%k%s\n"


def kcat(bootstrap, *args, stdout=subprocess.PIPE):
    return subprocess.Popen(["kcat", "-b", bootstrap, *args], stdin=subprocess.DEVNULL,
                            stdout=stdout, stderr=subprocess.DEVNULL, env=clean_env())


def parse_messages(stream):
    while head := stream.readline():
        partition, offset, timestamp, klen, vlen = map(int, head.split())
        key = stream.read(max(klen, 0))
        value = stream.read(max(vlen, 0))
        assert stream.read(1) == b"\n", "kcat's output is out of step"
        yield Message(partition, offset, timestamp, key, value)


def consume(bootstrap, topic):
    """Yield every message of a topic from its beginning to its present end."""
    reader = kcat(bootstrap, "-C", "-e", "-q", "-t", topic, "-o", "beginning", "-f", KCAT_FORMAT,
                  "-X", "check.crcs=true")
    with reader:
        yield from parse_messages(reader.stdout)
        assert reader.wait() == 0, f"kcat failed with {reader.returncode}"


def count_messages(bootstrap, topic, partitions):
    """How many messages a topic has, from the offsets of its ends: cheap, for waiting."""
    asked = [arg for p in range(partitions) for arg in ("-t", f"{topic}:{p}:-1")]
    with kcat(bootstrap, "-Q", *asked) as query:
        lines = query.stdout.read().decode().splitlines()
    return sum(int(line.rsplit(" ", 1)[1]) for line in lines)


class KafkaBroker:
    def __init__(self, folder):
        self.folder = str(folder)
        self.jars = jars()
        self.port = free_port()
        self.process = None
        os.makedirs(self.folder, exist_ok=True)
        self.config = f"{self.folder}/kraft.properties"
        with open(self.config, "w", encoding="ascii") as f:
            f.write(PROPERTIES.format(port=self.port, controller=free_port(),
                                      data=f"{self.folder}/data"))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self._java("kafka.tools.StorageTool", "format", "-t", cluster.replace("-", "_"), "-c",
                   self.config)

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    def start(self):
        """Start (again) on the same ports and data; return when it answers a client."""
        with open(f"{self.folder}/broker.log", "ab") as log:
            self.process = subprocess.Popen(
                [*JAVA, "-cp", f"{self.jars}/*", "kafka.Kafka", self.config], cwd=self.folder,
                env=clean_env(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: self._answers() or self.process.poll() is not None,
                   f"the broker of {self.folder}", 60)
        assert self.process.poll() is None, f"the broker ended: {self._log_tail()}"
        return self

    def kill(self):
        """kill -9, as a power cut would."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def stop(self):
        """An orderly shutdown."""
        self.process.terminate()
        self.process.wait(60)

    def create_topic(self, topic, partitions=3):
        self._java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.bootstrap,
                   "--create", "--topic", topic, "--partitions", str(partitions))

    def consume(self, topic):
        return consume(self.bootstrap, topic)

    def count(self, topic, partitions=3):
        return count_messages(self.bootstrap, topic, partitions)

    def console_count(self, topic, expected):
        """How many messages the broker's own consumer reads; waits for `expected`."""
        done = self._java("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server",
                          self.bootstrap, "--topic", topic, "--from-beginning", "--max-messages",
                          str(expected), "--timeout-ms", "20000")
        return done.stdout.count(b"\n")

    def _java(self, tool, *args):
        done = subprocess.run([*JAVA, "-cp", f"{self.jars}/*", tool, *args], cwd=self.folder,
                              env=clean_env(), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=120, check=False)
        assert done.returncode == 0, f"{tool}: {done.stdout[-1000:]} {done.stderr[-2000:]}"
        return done

    def _answers(self):
        with kcat(self.bootstrap, "-L", "-m", "1", stdout=subprocess.DEVNULL) as probe:
            return probe.wait() == 0

    def _log_tail(self):
        with open(f"{self.folder}/broker.log", encoding="utf-8", errors="replace") as f:
            return f.read()[-2000:]


class KafkaMock:
    """librdkafka's mock cluster; see kafka/kafka_mock.c for the commands."""

    def __init__(self, brokers=1):
        self.process = Process([f"{BUILD}/tests/interop/kafka_mock", brokers])
        self.bootstrap = self.process.wait_for(r"^127.*$")[0]
        self.answered = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.__exit__()

    def command(self, text):
        self.process.send(text + "\n")
        self.answered += 1
        reply = wait_until(lambda: self.process.stdout.splitlines()[self.answered:],
                           f"an answer to '{text}'")
        assert reply[0] == "ok", f"{text}: {reply[0]}"

    def consume(self, topic):
        return consume(self.bootstrap, topic)

    def count(self, topic, partitions=3):
        return count_messages(self.bootstrap, topic, partitions)
