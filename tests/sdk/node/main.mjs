// Bento's own SDK for Node, as npm installs it, against a running server: only its base address differs. Prints a line for each method that
// answered as it should, and ends with another code than 0 at the first one that did not.
//
//   EKIBEN_URL     the server's address, such as http://localhost:8080
//   EKIBEN_SITE    site_uuid of a fresh test site whose author is news@example.com
//   EKIBEN_KEY     its publishable key
//   EKIBEN_SECRET  its secret key
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { Analytics, NotAuthorizedError } from '@bentonow/bento-node-sdk';

const author = { name: 'News', email: 'news@example.com' };
const url = need('EKIBEN_URL').replace(/\/+$/, '');
const [site, key, secret] = ['EKIBEN_SITE', 'EKIBEN_KEY', 'EKIBEN_SECRET'].map(need);
const bento = sdk(secret);

await tags();
await fields();
await people();
await broadcasts(await segment());
await strangers();

async function tags() {
  const made = await bento.Tags.createTag({ name: 'lead' });
  assert.equal(made.type, 'tags');
  assert.equal(made.attributes.name, 'lead');
  assert.equal(made.attributes.discarded_at, null);
  isId(made.id);
  assert.equal((await bento.Tags.createTag({ name: 'lead' })).id, made.id, 'a second tag of that name');
  done('Tags.createTag');

  assert.deepEqual((await bento.Tags.getTags()).map((tag) => [tag.id, tag.attributes.name]), [[made.id, 'lead']]);
  done('Tags.getTags');
}

async function fields() {
  const made = await bento.Fields.createField({ key: 'favouriteColour' });
  assert.equal(made.type, 'visitors-fields');
  assert.equal(made.attributes.key, 'favouriteColour');
  assert.equal(made.attributes.name, 'Favourite Colour');
  isId(made.id);
  isTime(made.attributes.created_at);
  done('Fields.createField');

  assert.deepEqual((await bento.Fields.getFields()).map((field) => field.id), [made.id]);
  done('Fields.getFields');
}

async function people() {
  const imported = await bento.Batch.importSubscribers({
    subscribers: [
      { email: 'ann@example.com', first_name: 'Ann', favouriteColour: 'green', plan: 'pro', tags: 'lead,mql' },
      { email: 'bo@example.com', first_name: 'Bø', plan: 'free', tags: 'mql' },
      { email: 'cy@example.com', plan: 'pro', tags: 'lead,customers' },
      { email: 'this is no address' },
    ],
  });
  assert.equal(imported, 3, 'the fourth is no address');
  done('Batch.importSubscribers');

  assert.equal(await bento.Subscribers.getSubscribers({ email: 'nobody@example.com' }), null);
  const ann = await bento.Subscribers.getSubscribers({ email: 'ann@example.com' });
  assert.equal(ann.type, 'visitors');
  assert.equal(ann.attributes.email, 'ann@example.com');
  assert.equal(ann.attributes.unsubscribed_at, null);
  assert.deepEqual(ann.attributes.fields, { favouriteColour: 'green', plan: 'pro', first_name: 'Ann' });
  assert.deepEqual(await tagNames(ann), ['lead', 'mql']);
  assert.equal((await bento.Subscribers.getSubscribers({ uuid: ann.attributes.uuid })).id, ann.id);
  done('Subscribers.getSubscribers');

  const dee = await bento.Subscribers.createSubscriber({ email: 'dee+news@example.com' });
  assert.equal(dee.attributes.email, 'dee+news@example.com');
  assert.deepEqual(dee.attributes.cached_tag_ids, []);
  assert.equal((await bento.Subscribers.createSubscriber({ email: 'dee+news@example.com' })).id, dee.id, 'a second person of that address');
  assert.equal((await bento.Subscribers.getSubscribers({ email: 'dee+news@example.com' })).id, dee.id);
  done('Subscribers.createSubscriber');

  const changed = await bento.upsertSubscriber({ email: 'ann@example.com', fields: { plan: 'team' }, tags: 'vip', remove_tags: 'mql' });
  assert.equal(changed.id, ann.id);
  assert.equal(changed.attributes.fields.plan, 'team');
  assert.equal(changed.attributes.fields.favouriteColour, 'green', 'a field that was not named stays');
  assert.deepEqual(await tagNames(changed), ['lead', 'vip']);
  done('upsertSubscriber');
}

async function broadcasts(segmentId) {
  const plain = { name: 'SDK plain', subject: 'Hello', content: '<p>Hi</p>', type: 'plain', from: author, batch_size_per_hour: 1000 };
  const all = {
    ...plain,
    name: 'SDK everything',
    subject: 'Hello {{ visitor.first_name }}',
    content: '<h1>Hi {{ visitor.first_name }}</h1>',
    type: 'html',
    inclusive_tags: 'lead,mql',
    exclusive_tags: 'customers',
    segment_id: segmentId,
    batch_size_per_hour: 250,
  };
  // Reaches ann and bo: cy has the excluded tag, dee has none of the two.
  const approved = { ...all, name: 'SDK approved', segment_id: '', batch_size_per_hour: 250000, approved: true, send_at: '2022-12-13 12:50' };
  const wrong = [{ ...plain, name: 'SDK too slow', batch_size_per_hour: 5 }, { ...plain, name: 'SDK stranger', from: { name: 'X', email: 'x@example.org' } }];

  assert.deepEqual(await bento.Broadcasts.getBroadcasts(), []);
  const answer = await bento.Broadcasts.createBroadcast([plain, wrong[0], all, wrong[1], approved]);
  assert.equal(answer.results, 3);
  assert.equal(answer.failed, 2);
  assert.deepEqual(answer.broadcasts.map((made) => made.name), ['SDK plain', 'SDK everything', 'SDK approved']);
  for (const made of answer.broadcasts) {
    assert.ok(Number.isSafeInteger(made.id) && Number.isSafeInteger(made.template_id), 'numbers, unlike the ids of records');
    assert.ok(made.dashboard_url.startsWith(`${url}/`), made.dashboard_url);
  }
  assert.deepEqual(answer.failures.map((failure) => [failure.index, failure.name]), [[1, 'SDK too slow'], [3, 'SDK stranger']]);
  assert.equal(answer.failures[0].error, 'batch_size_per_hour must be between 10 and 250000');
  assert.match(answer.failures[1].error, /x@example\.org/);
  done('Broadcasts.createBroadcast');

  // The SDK cannot ask for a status, so it sees what was sent: the approved one, as soon as it is.
  const [sent] = await untilListed();
  assert.equal(sent.id, String(answer.broadcasts[2].id));
  assert.equal(sent.attributes.name, 'SDK approved');
  assert.equal(sent.attributes.subject, all.subject);
  assert.equal(sent.attributes.content, all.content);
  assert.equal(sent.attributes.type, 'html');
  assert.deepEqual(sent.attributes.from, author);
  assert.equal(sent.attributes.inclusive_tags, 'lead,mql');
  assert.equal(sent.attributes.exclusive_tags, 'customers');
  assert.equal(sent.attributes.batch_size_per_hour, 250000);
  isTime(sent.attributes.created_at);
  assert.equal(sent.attributes.stats.recipients, 2);
  done('Broadcasts.getBroadcasts');
}

/** A wrong secret is the SDK's own error, and not an answer it cannot read. */
async function strangers() {
  await assert.rejects(sdk('0'.repeat(32)).Tags.getTags(), NotAuthorizedError);
  done('NotAuthorizedError');
}

/** A minute is plenty for two messages, on a busy machine too. */
async function untilListed() {
  for (let tries = 0; tries < 300; tries++) {
    const listed = await bento.Broadcasts.getBroadcasts();
    if (listed.length > 0) {
      assert.equal(listed.length, 1, 'drafts are not listed as sent');
      return listed;
    }
    await pause(200);
  }
  assert.fail('the approved broadcast was not sent within a minute');
}

/** The SDK has no call that makes a segment. */
async function segment() {
  const answer = await fetch(`${url}/api/ekiben/v1/segments?site_uuid=${site}`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${key}:${secret}`)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Paying', rule: { field: 'plan', op: 'ne', value: 'free' } }),
  });
  assert.equal(answer.status, 201, 'the segment');
  return (await answer.json()).id;
}

async function tagNames(person) {
  const names = new Map((await bento.Tags.getTags()).map((tag) => [tag.id, tag.attributes.name]));
  return person.attributes.cached_tag_ids.map((id) => names.get(id)).sort();
}

function sdk(secretKey) {
  return new Analytics({ authentication: { publishableKey: key, secretKey }, siteUuid: site, clientOptions: { baseUrl: `${url}/api/v1` } }).V1;
}

function isId(id) {
  assert.match(id, /^[1-9][0-9]*$/);
}

function isTime(text) {
  assert.match(text, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/);
}

function done(method) {
  console.log(`ok ${method}`);
}

function need(name) {
  assert.ok(process.env[name], `${name} is not set`);
  return process.env[name];
}
