using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Domains;
using Ekiben.Events;
using Ekiben.Feedback;
using Ekiben.Fields;
using Ekiben.Instances;
using Ekiben.Mails;
using Ekiben.Providers;
using Ekiben.Segments;
using Ekiben.Sequences;
using Ekiben.Sites;
using Ekiben.Subscribers;
using Ekiben.Suppressions;
using Ekiben.Tags;
using Ekiben.Templates;
using Ekiben.Web;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Ekiben.Storage;

/// <summary>
/// The ordinary rows, one model for each database. The ledger's own tables (recipients, left_out, shards, attempts, replies, throttles)
/// are not in this model: <see cref="SendQueue"/> and <see cref="Audiences"/> keep them with hand-written SQL.
/// Every query on a site's rows is filtered to <see cref="Site"/> here and nowhere else; a context that was given no site sees none.
/// </summary>
internal abstract class Db(DbContextOptions options) : IdentityDbContext<User, IdentityRole, string>(options)
{
    /// <summary>The site whose rows this context sees.</summary>
    public SiteId Site { get; private set; }

    /// <summary>True for the engine, the command line and the platform's own lists, which look across sites.</summary>
    public bool EverySite { get; private set; }

    public DbSet<Site> Sites => Set<Site>();

    public DbSet<Author> Authors => Set<Author>();

    public DbSet<DomainKey> DomainKeys => Set<DomainKey>();

    public DbSet<DomainChecked> DomainChecks => Set<DomainChecked>();

    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();

    public DbSet<LoginLink> LoginLinks => Set<LoginLink>();

    public DbSet<Invitation> Invitations => Set<Invitation>();

    public DbSet<StoredRelay> Relays => Set<StoredRelay>();

    public DbSet<SiteRelay> SiteRelays => Set<SiteRelay>();

    public DbSet<ProviderLimit> ProviderLimits => Set<ProviderLimit>();

    public DbSet<Address> Addresses => Set<Address>();

    public DbSet<Subscriber> Subscribers => Set<Subscriber>();

    public DbSet<Tag> Tags => Set<Tag>();

    /// <summary>Made with the ledger's tables; what is hot about it stays hand-written SQL.</summary>
    public DbSet<SubscriberTag> SubscriberTags => Set<SubscriberTag>();

    public DbSet<Event> Events => Set<Event>();

    public DbSet<Field> Fields => Set<Field>();

    public DbSet<Segment> Segments => Set<Segment>();

    public DbSet<Layout> Layouts => Set<Layout>();

    public DbSet<Broadcast> Broadcasts => Set<Broadcast>();

    /// <summary>The sites' streams of mails, which <see cref="Broadcasts"/> leaves out: at most one a site.</summary>
    public IQueryable<Broadcast> Streams => Set<Broadcast>().IgnoreQueryFilters().Where(stream => stream.IsStream && (EverySite || stream.SiteId == Site));

    public DbSet<SingleMail> Mails => Set<SingleMail>();

    public DbSet<Sequence> Sequences => Set<Sequence>();

    public DbSet<SequenceStep> SequenceSteps => Set<SequenceStep>();

    public DbSet<Enrolment> Enrolments => Set<Enrolment>();

    public DbSet<MailContent> MailContents => Set<MailContent>();

    public DbSet<Approval> Approvals => Set<Approval>();

    public DbSet<RehearsalReport> Rehearsals => Set<RehearsalReport>();

    public DbSet<Instance> Instances => Set<Instance>();

    public DbSet<RateChange> RateChanges => Set<RateChange>();

    public DbSet<Suppression> Suppressions => Set<Suppression>();

    public DbSet<Reaction> Reactions => Set<Reaction>();

    public DbSet<IdempotencyKey> IdempotencyKeys => Set<IdempotencyKey>();

    public DbSet<AuditEntry> AuditLog => Set<AuditEntry>();

    /// <summary>The names of a subscriber's tags, in alphabetical order.</summary>
    public async Task<IReadOnlyList<string>> TagNamesOfAsync(SubscriberId subscriber, CancellationToken cancel) =>
        await Database.SqlQuery<string>($"""
            SELECT t.name AS "Value" FROM subscriber_tags st JOIN tags t ON t.id = st.tag_id
            WHERE st.subscriber_id = {subscriber.Value} AND t.discarded_at IS NULL ORDER BY t.name
            """).ToListAsync(cancel);

    /// <summary>The ids of a subscriber's tags, deleted ones left out.</summary>
    public async Task<IReadOnlyList<long>> TagIdsOfAsync(SubscriberId subscriber, CancellationToken cancel) =>
        await Database.SqlQuery<long>($"""
            SELECT t.id AS "Value" FROM subscriber_tags st JOIN tags t ON t.id = st.tag_id
            WHERE st.subscriber_id = {subscriber.Value} AND t.discarded_at IS NULL ORDER BY t.id
            """).ToListAsync(cancel);

    /// <summary>What became of an address in the site's newest broadcasts, at most <paramref name="broadcasts"/> of them, the newest first.</summary>
    public async Task<IReadOnlyList<AddressMessage>> MessagesOfAsync(AddressId address, int broadcasts, CancellationToken cancel) =>
        await Database.SqlQuery<AddressMessage>($"""
            SELECT r.broadcast_id AS "BroadcastId", b.name AS "Name", CAST(r.state AS INTEGER) AS "State", CAST(r.attempts AS INTEGER) AS "Attempts",
                   r.last_at AS "LastAt", COALESCE(p.text, '') AS "Reply"
            FROM recipients r
            JOIN broadcasts b ON b.id = r.broadcast_id
            LEFT JOIN replies p ON p.id = r.reply_id
            WHERE r.address_id = {address.Value} AND NOT b.is_stream
              AND r.broadcast_id IN (SELECT newest.id FROM broadcasts newest WHERE newest.site_id = {Site.Value} AND NOT newest.is_stream ORDER BY newest.id DESC LIMIT {broadcasts})
            ORDER BY r.broadcast_id DESC
            """).ToListAsync(cancel);

    /// <summary>How many the relay accepted of each broadcast, from the shards' counts.</summary>
    public async Task<IReadOnlyDictionary<long, long>> AcceptedAsync(IReadOnlyList<long> broadcasts, CancellationToken cancel)
    {
        var accepted = new Dictionary<long, long>();
        foreach (var id in broadcasts)
        {
            accepted[id] = await Database.SqlQuery<long>($"""SELECT CAST(COALESCE(SUM(accepted), 0) AS bigint) AS "Value" FROM shards WHERE broadcast_id = {id}""").SingleAsync(cancel);
        }

        return accepted;
    }

    /// <summary>A broadcast's reactions by kind and hour since <paramref name="start"/>, in the order of the hours; those after <paramref name="hours"/> hours are left out.</summary>
    public async Task<IReadOnlyList<HourlyReactions>> ReactionHoursAsync(BroadcastId broadcast, DateTimeOffset start, int hours, CancellationToken cancel) =>
        await Database.SqlQuery<HourlyReactions>($"""
            SELECT CAST((f.at - {start.ToStored()}) / 3600000 AS INTEGER) AS "Hour", f.kind AS "Kind", CAST(COUNT(*) AS bigint) AS "Count"
            FROM feedback f
            WHERE f.broadcast_id = {broadcast.Value} AND f.at >= {start.ToStored()} AND f.at < {start.AddHours(hours).ToStored()}
            GROUP BY 1, 2 ORDER BY 1, 2
            """).ToListAsync(cancel);

    public void UseSite(SiteId site) => (Site, EverySite) = (site, false);

    public void UseEverySite() => (Site, EverySite) = (default, true);

    protected override void ConfigureConventions(ModelConfigurationBuilder configuration)
    {
        base.ConfigureConventions(configuration);
        configuration.Properties<DateTimeOffset>().HaveConversion<TimeConverter>();
        configuration.Properties<SiteId>().HaveConversion<IdConverter<SiteId>>();
        configuration.Properties<BroadcastId>().HaveConversion<IdConverter<BroadcastId>>();
        configuration.Properties<SubscriberId>().HaveConversion<IdConverter<SubscriberId>>();
        configuration.Properties<AddressId>().HaveConversion<IdConverter<AddressId>>();
        configuration.Properties<BroadcastStatus>().HaveConversion<BroadcastStatusConverter>();
        configuration.Properties<UncertainPolicy>().HaveConversion<WordConverter<UncertainPolicy>>();
        configuration.Properties<RelayTls>().HaveConversion<WordConverter<RelayTls>>();
        configuration.Properties<ReactionKind>().HaveConversion<WordConverter<ReactionKind>>();
        configuration.Properties<UnsubscribeWay>().HaveConversion<WordConverter<UnsubscribeWay>>();
        configuration.Properties<SuppressionReason>().HaveConversion<WordConverter<SuppressionReason>>();
        configuration.Properties<DelayUnit>().HaveConversion<WordConverter<DelayUnit>>();
        configuration.Properties<EnrolmentState>().HaveConversion<WordConverter<EnrolmentState>>();
    }

    protected override void OnModelCreating(ModelBuilder model)
    {
        base.OnModelCreating(model);

        model.Entity<Site>(site =>
        {
            site.ToTable("sites");
            site.Property(s => s.Id).ValueGeneratedOnAdd();
            site.HasIndex(s => s.Uuid).IsUnique();
        });
        model.Entity<LoginLink>(link =>
        {
            link.ToTable("login_links");
            link.HasIndex(l => l.TokenHash).IsUnique();
        });
        model.Entity<Invitation>(invitation =>
        {
            invitation.ToTable("invitations");
            invitation.HasIndex(i => i.TokenHash).IsUnique();
        });
        model.Entity<StoredRelay>(relay => relay.ToTable("relays"));
        model.Entity<SiteRelay>(use =>
        {
            use.ToTable("site_relays");
            use.HasKey(u => new { u.SiteId, u.RelayId });
            use.HasOne<Site>().WithMany().HasForeignKey(u => u.SiteId).OnDelete(DeleteBehavior.Cascade);
            // A relay that a site sends by stays.
            use.HasOne<StoredRelay>().WithMany().HasForeignKey(u => u.RelayId).OnDelete(DeleteBehavior.Restrict);
        });
        model.Entity<ProviderLimit>(limit =>
        {
            limit.ToTable("provider_limits");
            limit.HasIndex(l => new { l.SiteId, l.Provider }).IsUnique();
        });
        model.Entity<AuditEntry>(audit =>
        {
            audit.ToTable("audit_log");
            audit.HasIndex(a => new { a.Subject, a.Id });
        });

        model.Entity<Author>(author =>
        {
            author.ToTable("authors");
            author.HasIndex(a => new { a.SiteId, a.Email }).IsUnique();
        });
        model.Entity<DomainKey>(key =>
        {
            key.ToTable("domain_keys");
            key.HasIndex(k => new { k.Domain, k.Selector }).IsUnique();
            key.HasIndex(k => new { k.SiteId, k.Domain });
        });
        model.Entity<DomainChecked>(check =>
        {
            check.ToTable("domain_checks");
            check.HasIndex(c => new { c.SiteId, c.Domain }).IsUnique();
        });
        model.Entity<ApiKey>(key =>
        {
            key.ToTable("api_keys");
            key.HasIndex(k => k.PublishableKey).IsUnique();
        });
        model.Entity<Address>(address =>
        {
            address.ToTable("addresses");
            address.Property(a => a.Id).ValueGeneratedOnAdd();
            address.HasIndex(a => new { a.SiteId, a.Hash }).IsUnique();
        });
        model.Entity<Subscriber>(subscriber =>
        {
            subscriber.ToTable("subscribers");
            subscriber.Property(s => s.Id).ValueGeneratedOnAdd();
            subscriber.HasOne(s => s.Address).WithMany().HasForeignKey(s => s.AddressId).OnDelete(DeleteBehavior.Restrict);
            // Not unique: a changed e-mail may point at an address that somebody else has; the freeze leaves the second out as a duplicate.
            subscriber.HasIndex(s => s.AddressId);
            subscriber.HasIndex(s => new { s.SiteId, s.Uuid }).IsUnique();
            subscriber.HasIndex(s => new { s.SiteId, s.Id });
            // For the list of those who left, who are few among many.
            subscriber.HasIndex(s => new { s.SiteId, s.Id }, "ix_subscribers_unsubscribed").HasFilter("unsubscribed_at IS NOT NULL");
        });
        model.Entity<Tag>(tag =>
        {
            tag.ToTable("tags");
            tag.HasIndex(t => new { t.SiteId, t.Name }).IsUnique();
        });
        model.Entity<SubscriberTag>(carried =>
        {
            carried.ToTable("subscriber_tags", table => table.ExcludeFromMigrations());
            carried.HasKey(c => new { c.TagId, c.SubscriberId });
        });
        model.Entity<Event>(happened =>
        {
            happened.ToTable("events");
            happened.HasIndex(e => new { e.SiteId, e.Type, e.UniqueKey }).IsUnique();
            happened.HasIndex(e => new { e.SubscriberId, e.At });
            happened.HasIndex(e => new { e.SiteId, e.Type, e.At });
        });
        model.Entity<Field>(field =>
        {
            field.ToTable("fields");
            field.HasIndex(f => new { f.SiteId, f.Key }).IsUnique();
        });
        model.Entity<Segment>(segment =>
        {
            segment.ToTable("segments");
            segment.HasIndex(s => s.PublicId).IsUnique();
        });
        model.Entity<Layout>(layout =>
        {
            layout.ToTable("layouts");
            layout.HasIndex(l => l.PublicId).IsUnique();
        });
        model.Entity<Broadcast>(broadcast =>
        {
            broadcast.ToTable("broadcasts");
            broadcast.Property(b => b.Id).ValueGeneratedOnAdd();
            broadcast.HasIndex(b => new { b.SiteId, b.Status, b.Id });
            broadcast.HasIndex(b => b.Status);
            broadcast.HasIndex(b => b.SiteId, "ix_broadcasts_stream").IsUnique().HasFilter("is_stream");
            broadcast.HasQueryFilter(b => !b.IsStream && (EverySite || b.SiteId == Site));
        });
        model.Entity<MailContent>(content =>
        {
            content.ToTable("mail_contents");
            content.HasIndex(c => new { c.SiteId, c.Digest }).IsUnique();
        });
        model.Entity<SingleMail>(mail =>
        {
            mail.ToTable("mails");
            mail.HasIndex(m => new { m.SiteId, m.Id });
            // For the list of one origin where most mails are of the other.
            mail.HasIndex(m => new { m.SiteId, m.Id }, "ix_mails_of_programs").HasFilter("step_id IS NULL");
            mail.HasIndex(m => new { m.SiteId, m.Id }, "ix_mails_of_steps").HasFilter("step_id IS NOT NULL");
            mail.HasIndex(m => m.AddressId);
            mail.HasIndex(m => m.ContentId);
            mail.HasIndex(m => new { m.StepId, m.SubscriberId }, "ix_mails_step").IsUnique().HasFilter("step_id IS NOT NULL");
        });
        model.Entity<Sequence>(sequence =>
        {
            sequence.ToTable("sequences");
            sequence.HasIndex(s => s.PublicId).IsUnique();
            sequence.HasIndex(s => new { s.SiteId, s.Id });
        });
        model.Entity<SequenceStep>(step =>
        {
            step.ToTable("sequence_steps");
            step.HasIndex(s => new { s.SequenceId, s.Position }).IsUnique();
            step.Ignore(s => s.Template);
        });
        model.Entity<Enrolment>(enrolment =>
        {
            enrolment.ToTable("enrolments");
            enrolment.HasIndex(e => new { e.SequenceId, e.SubscriberId }).IsUnique();
            enrolment.HasIndex(e => new { e.State, e.DueAt });
            // For the lists and counts of one sequence.
            enrolment.HasIndex(e => new { e.SequenceId, e.State, e.Id });
        });
        model.Entity<Approval>(approval =>
        {
            approval.ToTable("approvals");
            approval.HasIndex(a => new { a.BroadcastId, a.Id });
        });
        model.Entity<RehearsalReport>(rehearsal =>
        {
            rehearsal.ToTable("rehearsals");
            rehearsal.HasIndex(r => new { r.BroadcastId, r.Id });
        });
        model.Entity<Instance>(instance =>
        {
            instance.ToTable("instance");
            instance.Property(i => i.Id).ValueGeneratedNever();
        });
        model.Entity<RateChange>(change =>
        {
            change.ToTable("rate_changes");
            change.HasIndex(c => new { c.BroadcastId, c.Id });
        });
        model.Entity<Suppression>(suppression =>
        {
            suppression.ToTable("suppressions");
            suppression.HasKey(s => new { s.SiteId, s.AddressId });
        });
        model.Entity<Reaction>(reaction =>
        {
            reaction.ToTable("feedback");
            reaction.HasIndex(r => new { r.BroadcastId, r.Kind, r.SubscriberId });
        });
        model.Entity<IdempotencyKey>(key =>
        {
            key.ToTable("idempotency_keys");
            key.HasIndex(k => new { k.SiteId, k.Key }).IsUnique();
            key.HasIndex(k => k.ExpiresAt);
        });

        FilterBySite<Author>(model);
        FilterBySite<DomainKey>(model);
        FilterBySite<DomainChecked>(model);
        FilterBySite<SiteRelay>(model);
        FilterBySite<ApiKey>(model);
        FilterBySite<Address>(model);
        FilterBySite<Subscriber>(model);
        FilterBySite<Tag>(model);
        FilterBySite<Event>(model);
        FilterBySite<Field>(model);
        FilterBySite<Segment>(model);
        FilterBySite<Layout>(model);
        FilterBySite<SingleMail>(model);
        FilterBySite<MailContent>(model);
        FilterBySite<Sequence>(model);
        FilterBySite<SequenceStep>(model);
        FilterBySite<Enrolment>(model);
        FilterBySite<Approval>(model);
        FilterBySite<RehearsalReport>(model);
        FilterBySite<RateChange>(model);
        FilterBySite<Suppression>(model);
        FilterBySite<Reaction>(model);
        FilterBySite<IdempotencyKey>(model);
        UseSnakeCase(model);
    }

    private void FilterBySite<T>(ModelBuilder model) where T : class, ISiteOwned =>
        model.Entity<T>().HasQueryFilter(row => EverySite || row.SiteId == Site);

    /// <summary>Columns read the same in EF's SQL and in ours: <c>first_name</c>, not <c>FirstName</c>. Identity's own tables keep their names.</summary>
    private static void UseSnakeCase(ModelBuilder model)
    {
        foreach (var entity in model.Model.GetEntityTypes())
        {
            if (entity.ClrType.Namespace?.StartsWith("Ekiben", StringComparison.Ordinal) != true || entity.ClrType == typeof(User))
            {
                continue;
            }

            foreach (var property in entity.GetProperties())
            {
                property.SetColumnName(Words.SnakeCase(property.Name));
            }
        }
    }
}

/// <summary>A row of the ledger with its broadcast's name, as <see cref="Db.MessagesOfAsync"/> reads it.</summary>
/// <param name="BroadcastId">The broadcast.</param>
/// <param name="Name">Its name.</param>
/// <param name="State">A <see cref="RecipientState"/>.</param>
/// <param name="Attempts">How often it was tried.</param>
/// <param name="LastAt">The last attempt, in milliseconds since 1970; null = none.</param>
/// <param name="Reply">What the relay said last, without its code; empty = nothing.</param>
internal sealed record AddressMessage(long BroadcastId, string Name, int State, int Attempts, long? LastAt, string Reply);

/// <summary>How often people reacted in one hour, as <see cref="Db.ReactionHoursAsync"/> reads it.</summary>
/// <param name="Hour">0 is the first.</param>
/// <param name="Kind">A <see cref="ReactionKind"/> in snake case.</param>
/// <param name="Count">At least 1.</param>
internal sealed record HourlyReactions(int Hour, string Kind, long Count);

internal sealed class BroadcastStatusConverter() : ValueConverter<BroadcastStatus, string>(
    status => status.Word(), word => BroadcastTransitions.FromWord(word));

/// <summary>Stores an enum as its name in snake case.</summary>
internal sealed class WordConverter<T>() : ValueConverter<T, string>(
    value => Words.SnakeCase(value.ToString()!), word => Enum.Parse<T>(word.Replace("_", "", StringComparison.Ordinal), true))
    where T : struct, Enum;
