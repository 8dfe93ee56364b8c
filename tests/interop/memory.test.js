// Goal: a world with poisoned memory is one that the official SDK reads, and what quell put right there is what the SDK
// finds afterwards: the good content at the head, the poison in no version.
// Method: the real `quell run` between two readings by the SDK; journal and output are searched for the contents.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { SDKS, all, clientOf, control } from './platform.js';
import { configure, folder, quell, range } from './support.js';

for (const [version, Sdk] of Object.entries(SDKS)) {
  test(`SDK ${version}: poisoned memory is put right`, async (t) => {
    const world = await range(t, '--profile', 'poisoned');
    const { beta } = clientOf(Sdk, world);
    const { memories, memoryVersions } = beta.memoryStores;
    const { session_id: writer, memory_store_id: store } = world.injected;
    const written = await all(memoryVersions.list(store, { session_id: writer }));
    assert.equal(written.length, 2);
    assert.deepEqual(written[0].created_by, { type: 'session_actor', session_id: writer });
    const threads = await all(beta.sessions.threads.list(writer));
    assert.deepEqual(threads.map(({ agent }) => agent.type).sort(), ['advisor', 'agent', 'agent', 'inline']);
    const before = await all(memories.list(store, { view: 'full', limit: 20 }));
    assert.equal(before.length, 4);
    const poison = before.filter(({ id }) => written.some(({ memory_id: hit }) => hit === id));

    const home = folder(t);
    configure(home, world, '');
    const run = await quell(home, [
      'run', 'poisoned-memory', '--yes', '--json', '--no-watch', '--config', join(home, 'quell.yaml'),
      '-i', 'incident=INC-42', '-i', `session_ids=${writer}`,
    ]);
    assert.equal(run.exit, 0, run.err + run.out);

    const after = await all(memories.list(store, { view: 'full', limit: 20 }));
    assert.deepEqual(after.map(({ path }) => path).sort(), ['/glossary.md', '/people/escalation.md', '/refunds.md']);
    for (const { id, content, memory_version_id: head } of after) {
      const was = before.find((memory) => memory.id === id);
      if (poison.includes(was)) assert.notEqual(content, was.content);
      else assert.deepEqual([content, head], [was.content, was.memory_version_id]);
    }
    for (const { id } of written) {
      const redacted = await memoryVersions.retrieve(id, { memory_store_id: store });
      assert.deepEqual([redacted.content, redacted.path, redacted.content_sha256], [null, null, null]);
      assert.ok(redacted.redacted_at);
    }
    const truth = await control(world, 'GET', '/truth');
    assert.deepEqual([truth.memory_poisoned, truth.memory_poisoned_versions], [[], []]);
    assert.ok(truth.memory_restored && truth.memory_untouched);
    const kept = run.out + run.err + readFileSync(join(home, 'quell.db'), 'latin1');
    for (const { content, path } of before) {
      assert.ok(!kept.includes(content.trim()), 'no content is kept');
      assert.ok(!kept.includes(path), 'no path is kept');
    }
  });
}
