// Every major of Bento's SDK for Node, as npm installs it, calls the methods that this server serves (but for the look-ups of places and block lists). Prints a line for each, and ends with
// another code than 0 at the first one that did not answer as it should. The variables are those of main.mjs.
import assert from 'node:assert/strict';
import * as bento0 from 'bento-0';
import * as bento1 from 'bento-1';
import * as bento2 from '@bentonow/bento-node-sdk';

const url = need('EKIBEN_URL').replace(/\/+$/, '');
const [site, key, secret] = ['EKIBEN_SITE', 'EKIBEN_KEY', 'EKIBEN_SECRET'].map(need);
const authorization = `Basic ${btoa(`${key}:${secret}`)}`;

for (const [major, Analytics] of [[0, bento0.Analytics], [1, bento1.Analytics], [2, bento2.Analytics]]) {
  const bento = new Analytics({ authentication: { publishableKey: key, secretKey: secret }, siteUuid: site, clientOptions: { baseUrl: `${url}/api/v1` } }).V1;
  await all(major, bento);
}

async function all(major, bento) {
  const email = `v${major}@example.com`;
  const ok = (method) => console.log(`ok ${major} ${method}`);

  assert.equal(await bento.Batch.importSubscribers({ subscribers: [{ email, first_name: 'Ann', utm_source: 'search' }] }), 1);
  ok('Batch.importSubscribers');
  assert.equal(await bento.Batch.importEvents({ events: [{ type: 'seen', email, details: { at: 'home' } }, { type: '$surveyFormCompleted', email, details: { id: `form${major}` } }] }), 2);
  ok('Batch.importEvents');

  assert.equal(await bento.tagSubscriber({ email, tagName: `tagged${major}` }), true);
  assert.equal(await bento.addSubscriber({ email, fields: { plan: 'pro' } }), true);
  assert.equal(await bento.updateFields({ email, fields: { city: 'Bern' } }), true);
  assert.equal(await bento.track({ email, type: 'visited', fields: { seen: 1 }, details: { page: '/' } }), true);
  assert.equal(await bento.trackPurchase({ email, purchaseDetails: { unique: { key: `order${major}` }, value: { currency: 'USD', amount: 500 } } }), true);
  let person = await find(bento, email);
  assert.deepEqual(person.attributes.fields, { utm_source: 'search', plan: 'pro', city: 'Bern', seen: 1, first_name: 'Ann' });
  assert.equal(person.attributes.cached_tag_ids.length, 1);
  assert.equal(await bento.removeSubscriber({ email }), true);
  assert.notEqual((await find(bento, email)).attributes.unsubscribed_at, null);
  ok('tagSubscriber, addSubscriber, updateFields, track, trackPurchase, removeSubscriber');

  for (const [method, parameters] of [
    ['subscribe', { email }],
    ['addTag', { email, tagName: 'vip' }],
    ['removeTag', { email, tagName: `tagged${major}` }],
    ['addField', { email, field: { key: 'seats', value: 3 } }],
    ['removeField', { email, fieldName: 'city' }],
  ]) {
    const answer = await bento.Commands[method](parameters);
    // Until 1.x the person came back, since 2.0 their number.
    if (major < 2) assert.equal(answer.attributes.email, email);
    else assert.equal(answer, 1);
    ok(`Commands.${method}`);
  }
  person = await find(bento, email);
  assert.equal(person.attributes.unsubscribed_at, null);
  assert.equal(person.attributes.fields.seats, 3);
  assert.equal(person.attributes.fields.city, undefined);
  await bento.Commands.unsubscribe({ email });
  assert.notEqual((await find(bento, email)).attributes.unsubscribed_at, null);
  await bento.Commands.changeEmail({ oldEmail: email, newEmail: `new.${email}` });
  assert.equal((await find(bento, `new.${email}`)).id, person.id);
  ok('Commands.unsubscribe, Commands.changeEmail');

  assert.equal((await bento.Subscribers.createSubscriber({ email: `made.${email}` })).attributes.email, `made.${email}`);
  assert.equal(await find(bento, 'nobody@example.com'), null);
  ok('Subscribers');

  const tag = await bento.Tags.createTag({ name: `made${major}` });
  assert.equal(tag.attributes.name, `made${major}`);
  assert.ok((await bento.Tags.getTags()).some((known) => known.id === tag.id));
  if (bento.Tags.deleteTag) {
    assert.equal((await bento.Tags.deleteTag(tag.id, { name: `made${major}` })).message, `Tag (made${major}) deleted successfully`);
  }
  assert.equal((await bento.Fields.createField({ key: `field${major}` })).attributes.key, `field${major}`);
  assert.ok((await bento.Fields.getFields()).some((known) => known.attributes.key === `field${major}`));
  ok('Tags, Fields');

  const responses = await bento.Forms.getResponses(`form${major}`);
  assert.equal(responses.length, 1);
  assert.equal(responses[0].attributes.data.identity.email, `new.${email}`);
  ok('Forms.getResponses');

  assert.equal(await bento.Experimental.validateEmail({ email: 'ann@example.org', name: 'Ann', ip: '1.1.1.1', userAgent: 'x' }), true);
  assert.equal(await bento.Experimental.validateEmail({ email: 'ann@mailinator.com' }), false);
  assert.equal((await bento.Experimental.guessGender({ name: 'Ann' })).gender, 'unknown');
  assert.deepEqual((await bento.Experimental.geolocate({ ip: '1.1.1.1' })) ?? {}, {});
  assert.equal((await bento.Experimental.checkBlacklist({ domain: 'example.org' })).results.spamhaus, false);
  ok('Experimental');

  const mail = { to: `mail.${email}`, from: 'news@example.com', subject: 'Order {{ order }}', html_body: '<p>{{ order }}</p>', transactional: true, personalizations: { order: 42, lines: ['pen'] } };
  assert.equal(await bento.Batch.sendTransactionalEmails({ emails: [mail, { ...mail, to: `second.${email}` }] }), 2);
  await assert.rejects(() => bento.Batch.sendTransactionalEmails({ emails: [{ ...mail, from: 'stranger@example.net' }] }), /not authorized/i);
  ok('Batch.sendTransactionalEmails');
  if (major === 0) return;

  assert.equal((await bento.Experimental.getContentModeration('hello')).valid, true);
  assert.equal((await bento.Stats.getSiteStats()).user_count, await people());
  const segment = await post('/api/ekiben/v1/segments', { name: `Pro ${major}`, rule: { field: 'plan', op: 'eq', value: 'pro' } });
  assert.equal((await bento.Stats.getSegmentStats(segment.id)).user_count, major + 1);
  assert.equal((await bento.Stats.getReportStats('report_unsubscribers')).data, major + 1);
  assert.equal((await bento.Stats.getAdsStats({ dimension: 'source' })).totals.signups, major + 1);
  ok('Stats');

  const made = await bento.Broadcasts.createBroadcast([
    { name: `B${major}`, subject: 'Old', content: '<p>Hi</p>', type: 'raw', from: { name: 'News', email: 'news@example.com' }, batch_size_per_hour: 1000 },
  ]);
  const draft = major === 1 ? made[0] : made.broadcasts[0];
  assert.equal((await bento.EmailTemplates.getEmailTemplate({ id: Number(draft.id) })).attributes.subject, 'Old');
  assert.equal((await bento.EmailTemplates.updateEmailTemplate({ id: Number(draft.id), subject: 'New', html: '<p>New</p>' })).attributes.subject, 'New');
  assert.deepEqual(await bento.Broadcasts.getBroadcasts(), []);
  ok('Broadcasts, EmailTemplates');

  assert.deepEqual(await bento.Workflows.getWorkflows(), []);
  const sequence = await post('/api/ekiben/v1/sequences', { name: `Onboarding ${major}` });
  const step = await bento.Sequences.createSequenceEmail(sequence.id, { subject: 'Welcome', html: '<p>Hello</p>', delay_interval: 'days', delay_interval_count: 7, inbox_snippet: 'Hello', editor_choice: 'plain' });
  assert.equal(step.attributes.subject, 'Welcome');
  const listed = (await bento.Sequences.getSequences({ page: 1 })).find((known) => known.id === sequence.id);
  assert.equal(String(listed.attributes.email_templates[0].id), String(step.id));
  assert.equal((await bento.EmailTemplates.updateEmailTemplate({ id: Number(step.id), subject: 'Changed' })).attributes.subject, 'Changed');
  ok('Workflows, Sequences');
}

function find(bento, email) {
  return bento.Subscribers.getSubscribers({ email });
}

async function people() {
  const answer = await fetch(`${url}/api/v1/fetch/search`, { headers: { authorization } });
  return (await answer.json()).data.length;
}

async function post(path, body) {
  const answer = await fetch(url + path, { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

function need(name) {
  assert.ok(process.env[name], `${name} is not set`);
  return process.env[name];
}
