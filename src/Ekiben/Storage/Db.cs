using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Domains;
using Ekiben.Events;
using Ekiben.Feedback;
using Ekiben.Fields;
using Ekiben.Instances;
using Ekiben.Segments;
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

    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();

    public DbSet<LoginLink> LoginLinks => Set<LoginLink>();

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
        configuration.Properties<ReactionKind>().HaveConversion<WordConverter<ReactionKind>>();
        configuration.Properties<SuppressionReason>().HaveConversion<WordConverter<SuppressionReason>>();
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
        FilterBySite<ApiKey>(model);
        FilterBySite<Address>(model);
        FilterBySite<Subscriber>(model);
        FilterBySite<Tag>(model);
        FilterBySite<Event>(model);
        FilterBySite<Field>(model);
        FilterBySite<Segment>(model);
        FilterBySite<Layout>(model);
        FilterBySite<Broadcast>(model);
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

internal sealed class BroadcastStatusConverter() : ValueConverter<BroadcastStatus, string>(
    status => status.Word(), word => BroadcastTransitions.FromWord(word));

/// <summary>Stores an enum as its name in snake case.</summary>
internal sealed class WordConverter<T>() : ValueConverter<T, string>(
    value => Words.SnakeCase(value.ToString()!), word => Enum.Parse<T>(word.Replace("_", "", StringComparison.Ordinal), true))
    where T : struct, Enum;
