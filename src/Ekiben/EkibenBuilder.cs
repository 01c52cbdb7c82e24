using System.Security.Cryptography;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Dns;
using Ekiben.Domains;
using Ekiben.Feedback;
using Ekiben.Instances;
using Ekiben.Mailbox;
using Ekiben.Sequences;
using Ekiben.Storage;
using Ekiben.Storage.Postgres;
using Ekiben.Storage.Sqlite;
using Ekiben.Web;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Identity;

namespace Ekiben;

/// <summary>The whole server in one place: every registration, then every Map… call, in order.</summary>
internal static class EkibenBuilder
{
    public static WebApplication Build(EkibenOptions options)
    {
        CreateFolder(options.DataFolder);
        CreateFolder(options.KeysFolder);

        // Content root beside the program: static files are found there whatever the working directory is.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            ApplicationName = "ekiben",
            ContentRootPath = AppContext.BaseDirectory,
            EnvironmentName = "Production",
        });
        builder.WebHost.UseUrls(options.Urls.Split(';'));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = RequestLimits.MaxBodyBytes;
        });

        // stdout is for "ekiben: listening on URL" alone.
        builder.Logging.ClearProviders();
        builder.Logging.AddSimpleConsole(console => console.SingleLine = true);
        builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.Logging.AddFilter("System", LogLevel.Warning);
        // It warns that keys are not encrypted at rest: they are in the data folder, which only its owner reads.
        builder.Logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error);

        var services = builder.Services;
        services.AddSingleton(options);
        services.AddSingleton(options.Clock);

        // Storage
        var gate = new WriteGate();
        services.AddSingleton(gate);
        if (options.Database is { } connectionString)
        {
            services.AddSingleton(_ => new PostgresDatabase(connectionString, gate));
            services.AddSingleton<Database>(provider => provider.GetRequiredService<PostgresDatabase>());
            services.AddSingleton<Audiences, PostgresAudiences>();
            services.AddSingleton<SendQueue, PostgresSendQueue>();
        }
        else
        {
            var sqlite = new SqliteDatabase(options.DatabaseFile, gate);
            services.AddSingleton(sqlite);
            services.AddSingleton<Database>(sqlite);
            services.AddSingleton<Audiences, SqliteAudiences>();
            services.AddSingleton<SendQueue, SqliteSendQueue>();
        }

        services.AddSingleton<Receipts>();
        services.AddSingleton<Traces>();
        services.AddSingleton<LiveLooks>();
        services.AddSingleton<Why>();
        services.AddSingleton<Resends>();
        services.AddSingleton<BroadcastReports>();
        services.AddScoped(provider => provider.GetRequiredService<Database>().OpenEverySite());

        // Keys and accounts
        services.AddSingleton(ReadInstanceKey(options));
        services.AddDataProtection()
            .SetApplicationName("ekiben")
            .PersistKeysToFileSystem(new DirectoryInfo(options.KeysFolder));
        services.AddIdentityCore<User>(identity =>
            {
                identity.Stores.SchemaVersion = IdentitySchemaVersions.Version3;
                identity.User.RequireUniqueEmail = true;
                identity.Password.RequiredLength = 10;
                identity.Password.RequireNonAlphanumeric = false;
                identity.Password.RequireUppercase = false;
                identity.Password.RequireDigit = false;
            })
            .AddRoles<IdentityRole>()
            .AddEntityFrameworkStores<Db>()
            .AddSignInManager();

        // Sending domains
        services.AddSingleton<DomainKeys>();
        services.AddSingleton<DomainSigning>();
        services.AddSingleton<DomainActions>();

        // Broadcasts
        services.AddSingleton<EngineSignal>();
        services.AddSingleton<SendingRequirements>();
        services.AddSingleton<RiskMarks>();
        services.AddSingleton<Preflight>();
        services.AddSingleton<Rehearsals>();
        services.AddSingleton<TestSends>();
        services.AddSingleton<PersonSearch>();
        services.AddSingleton<AudienceWatch>();
        services.AddHostedService(provider => provider.GetRequiredService<AudienceWatch>());
        services.AddSingleton<InstanceGuard>();
        services.AddSingleton<BroadcastActions>();
        services.AddSingleton<UncertainDecisions>();
        services.AddSingleton<BroadcastsWorker>();
        services.AddHostedService(provider => provider.GetRequiredService<BroadcastsWorker>());
        services.AddSingleton<SequencesWorker>();
        services.AddHostedService(provider => provider.GetRequiredService<SequencesWorker>());
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));

        // Delivery
        services.AddSingleton<ServerAddress>();
        services.AddSingleton<PublicLinks>();
        services.AddSingleton<MessageIds>();
        services.AddSingleton<MessageComposer>();
        services.AddSingleton<Templates.LintReports>();
        services.AddSingleton<MailboxStore>();
        services.AddSingleton<LinkTargets>();
        services.AddSingleton<StoredRelays>();
        services.AddSingleton<RelayPools>();

        // API
        services.AddSingleton<DnsResolver>();
        services.AddSingleton<SubscriberImport>();
        services.AddApi();

        // A proxy on this machine says who the client is and that it came by https; what others say in these headers is ignored.
        services.Configure<ForwardedHeadersOptions>(forwarded => forwarded.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto);

        // Web platform
        services.AddPlatform();

        var app = builder.Build();
        app.UseForwardedHeaders();
        app.UsePublicOrigin(options);
        app.MapApi();
        app.MapPlatform();
        app.MapUnsubscribe();
        app.MapReactions();
        app.MapHealth();
        return app;
    }

    /// <summary>A new folder is its owner's alone: it will hold people's addresses and keys. One that is there stays as it is.</summary>
    internal static void CreateFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>The instance's key: made at the first start, readable by its owner only.</summary>
    private static InstanceKey ReadInstanceKey(EkibenOptions options)
    {
        var file = Path.Combine(options.KeysFolder, "instance.key");
        if (!File.Exists(file))
        {
            // Made aside and moved, so that two first starts at once end with one key.
            var fresh = file + "." + Convert.ToHexString(RandomNumberGenerator.GetBytes(4));
            var create = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                create.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using (var stream = new FileStream(fresh, create))
            {
                stream.Write(RandomNumberGenerator.GetBytes(InstanceKey.Length));
                stream.Flush(true);
            }

            try
            {
                File.Move(fresh, file, overwrite: false);
            }
            catch (IOException) when (File.Exists(file))
            {
                File.Delete(fresh);
            }
        }

        return new InstanceKey(File.ReadAllBytes(file));
    }
}
