// Bento's Node SDK, as npm serves it, against the server in EKIBEN_URL. Ends with 0 when every answer is what the SDK's types promise.
import assert from 'node:assert/strict';
import { Analytics, NotAuthorizedError } from '@bentonow/bento-node-sdk';

const connect = (secretKey) => new Analytics({
  authentication: { publishableKey: process.env.EKIBEN_PUBLISHABLE_KEY, secretKey },
  siteUuid: process.env.EKIBEN_SITE_UUID,
  clientOptions: { baseUrl: `${process.env.EKIBEN_URL}api/v1` },
}).V1;
const bento = connect(process.env.EKIBEN_SECRET_KEY);

const people = Array.from({ length: 1000 }, (_, i) => ({
  email: `reader${i}@example.com`, first_name: 'Zoë', plan: i % 2 ? 'pro' : 'free', tags: i % 3 ? 'lead' : 'lead,customers',
}));
assert.equal(await bento.Batch.importSubscribers({ subscribers: people }), 1000);

const person = await bento.Subscribers.getSubscribers({ email: 'reader1@example.com' });
assert.equal(person.attributes.email, 'reader1@example.com');
assert.equal(person.attributes.fields.plan, 'pro');
assert.equal(person.attributes.unsubscribed_at, null);
assert.equal((await bento.Subscribers.getSubscribers({ uuid: person.attributes.uuid })).id, person.id);
assert.equal(await bento.Subscribers.getSubscribers({ email: 'nobody@example.com' }), null);
assert.equal((await bento.Subscribers.createSubscriber({ email: 'new+reader@example.com' })).attributes.email, 'new+reader@example.com');

assert.equal((await bento.Tags.createTag({ name: 'mql' })).attributes.name, 'mql');
const tags = (await bento.Tags.getTags()).map((tag) => tag.attributes.name);
assert.deepEqual(['customers', 'lead', 'mql'].filter((name) => !tags.includes(name)), []);

assert.equal((await bento.Fields.createField({ key: 'favouriteBox' })).attributes.name, 'Favourite Box');
const fields = (await bento.Fields.getFields()).map((field) => field.attributes.key);
assert.ok(fields.includes('plan') && fields.includes('favouriteBox'));

const draft = {
  name: 'From the SDK', subject: 'Hello {{ visitor.first_name }}', content: '<p>Hi</p>', type: 'html',
  from: { name: 'News', email: 'news@example.com' }, inclusive_tags: 'lead,mql', exclusive_tags: 'customers', batch_size_per_hour: 1500,
};
const created = await bento.Broadcasts.createBroadcast([draft, { ...draft, name: 'Too fast', batch_size_per_hour: 1 }]);
assert.equal(created.results, 1);
assert.equal(created.failed, 1);
assert.equal(created.broadcasts[0].name, draft.name);
assert.ok(Number.isInteger(created.broadcasts[0].id) && Number.isInteger(created.broadcasts[0].template_id));
assert.match(created.broadcasts[0].dashboard_url, /^http/);
assert.deepEqual(created.failures, [{ index: 1, name: 'Too fast', error: 'batch_size_per_hour must be between 10 and 250000' }]);

// Without approval nothing goes out; and the SDK's list is of what was sent.
assert.deepEqual(await bento.Broadcasts.getBroadcasts(), []);

// What the SDK's types leave out, its client passes on.
await bento.Broadcasts.createBroadcast([{ ...draft, name: 'Approved', inclusive_tags: '', exclusive_tags: '', batch_size_per_hour: 250000, send_at: '2022-12-13 12:50', approved: true }]);
let sent = [];
for (let tries = 0; tries < 300 && sent.length === 0; tries++) {
  await new Promise((resolve) => { setTimeout(resolve, 200); });
  sent = await bento.Broadcasts.getBroadcasts();
}
assert.equal(sent.length, 1, 'the approved broadcast was not sent within a minute');
assert.equal(typeof sent[0].id, 'string');
assert.equal(sent[0].attributes.name, 'Approved');
assert.equal(sent[0].attributes.from.email, 'news@example.com');
assert.equal(sent[0].attributes.stats.recipients, 1001);

await assert.rejects(connect('0'.repeat(32)).Tags.getTags(), NotAuthorizedError);
console.log('the Node SDK got what it expects');
