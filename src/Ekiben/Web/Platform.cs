using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Broadcasts.Pages;
using Ekiben.Delivery;
using Ekiben.Mailbox.Pages;
using Ekiben.Mails;
using Ekiben.Sequences;
using Ekiben.Subscribers;
using Ekiben.Templates.Pages;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Hosting.StaticWebAssets;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Identity;
using MudBlazor.Services;

namespace Ekiben.Web;

/// <summary>The web platform: log-in by cookie, its pages, and the headers of all of them. The API under /api has schemes and answers of its own.</summary>
internal static class Platform
{
    /// <summary>A log-in unused for this long ends.</summary>
    private static readonly TimeSpan LogInSpan = TimeSpan.FromDays(14);

    /// <summary>A circuit may send us this much at once: clicks and addresses are small.</summary>
    private const int MaxCircuitMessageBytes = 64 * 1024;

    public static void AddPlatform(this IServiceCollection services)
    {
        services.AddAuthentication(IdentityConstants.ApplicationScheme).AddIdentityCookies();
        services.ConfigureApplicationCookie(ConfigureCookie);
        services.Configure<IdentityOptions>(identity =>
        {
            identity.Lockout.AllowedForNewUsers = true;
            identity.Lockout.MaxFailedAccessAttempts = LogIns.MaxFailures;
            identity.Lockout.DefaultLockoutTimeSpan = LogIns.LockoutSpan;
        });
        services.AddAntiforgery(antiforgery =>
        {
            antiforgery.Cookie.Name = "ekiben-form";
            // frame-ancestors says it, and says it for the previews' own frames too.
            antiforgery.SuppressXFrameOptionsHeader = true;
        });
        services.AddSingleton<IAuthorizationHandler, RightHandler>();
        services.AddAuthorization(authorization =>
        {
            foreach (var (name, right) in Policies.All)
            {
                authorization.AddPolicy(name, policy => policy.RequireAuthenticatedUser().AddRequirements(new RightRequirement(right)));
            }
        });
        services.AddCascadingAuthenticationState();
        services.AddScoped<AuthenticationStateProvider, LoginRevalidation>();

        services.AddRazorComponents().AddInteractiveServerComponents(circuits =>
        {
            // A closed tab's work stops soon; a phone that changes networks still finds its page.
            circuits.DisconnectedCircuitRetentionPeriod = TimeSpan.FromMinutes(1);
            circuits.DisconnectedCircuitMaxRetained = 50;
        }).AddHubOptions(hub => hub.MaximumReceiveMessageSize = MaxCircuitMessageBytes);
        services.AddMudServices();

        services.AddSingleton<LoginLinks>();
        services.AddSingleton<Invitations>();
        services.AddScoped<Access>();
        services.AddSingleton<PlatformUsers>();
        services.AddScoped<LogIns>();
        services.AddScoped<Viewer>();
        services.AddSingleton<BroadcastList>();
        services.AddSingleton<BroadcastReview>();
        services.AddSingleton<MessagePreviews>();
        services.AddSingleton<BroadcastDrafting>();
        services.AddSingleton<MailboxReading>();
        services.AddSingleton<SubscriberList>();
        services.AddSingleton<SubscriberEdit>();
        services.AddSingleton<SubscriberTimeline>();
        services.AddSingleton<RelayTest>();
    }

    public static void MapPlatform(this WebApplication app)
    {
        app.UseSecurityHeaders();
        app.UseExceptionHandler("/error", createScopeForErrors: true);
        app.UseStatusCodePagesWithReExecute("/not-found", createScopeForStatusCodePages: true);
        app.Use(static (http, next) =>
        {
            // A program gets the bare status, and so does a frame or a file; a person gets a page.
            if (!(IsPage(http) && AsksForPage(http)) && http.Features.Get<IStatusCodePagesFeature>() is { } pages)
            {
                pages.Enabled = false;
            }

            return next(http);
        });
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseAntiforgery();

        MapStaticFiles(app);
        app.MapPost("/logout", LogOutAsync).RequireAuthorization();
        app.MapBroadcastFrames();
        app.MapMailboxFrames();
        app.MapLayoutFrames();
        app.MapSubscriberExport();
        app.MapRecipientExport();
        app.MapMailExport();
        app.MapSequenceExport();
        app.MapRazorComponents<App>()
            // Our own policy forbids framing already.
            .AddInteractiveServerRenderMode(circuit => circuit.ContentSecurityFrameAncestorsPolicy = null)
            .RequireAuthorization(Policies.Look);
    }

    private static bool IsPage(HttpContext http) => !http.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal);

    private static bool AsksForPage(HttpContext http) => http.Request.Headers.Accept.Any(accept => accept?.Contains("text/html", StringComparison.Ordinal) == true);

    private static void ConfigureCookie(CookieAuthenticationOptions cookie)
    {
        cookie.Cookie.Name = "ekiben";
        cookie.Cookie.Path = "/";
        cookie.Cookie.HttpOnly = true;
        cookie.Cookie.SameSite = SameSiteMode.Lax;
        cookie.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        cookie.CookieManager = new HostPrefixedCookies();
        cookie.ExpireTimeSpan = LogInSpan;
        cookie.SlidingExpiration = true;
        cookie.LoginPath = "/login";
        cookie.ReturnUrlParameter = "returnUrl";
        cookie.Events.OnRedirectToLogin = RedirectToLogInAsync;
        cookie.Events.OnRedirectToAccessDenied = RefuseAsync;
    }

    /// <summary>A program gets a status, a person the log-in page.</summary>
    private static Task RedirectToLogInAsync(RedirectContext<CookieAuthenticationOptions> context)
    {
        if (IsPage(context.HttpContext))
        {
            context.Response.Redirect(context.RedirectUri);
        }
        else
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        }

        return Task.CompletedTask;
    }

    /// <summary>Whose log-in has ended logs in anew; who lacks the right gets a page that says so (<see cref="NotFoundPage"/>), under the same address.</summary>
    private static async Task RefuseAsync(RedirectContext<CookieAuthenticationOptions> context)
    {
        var http = context.HttpContext;
        if (IsPage(http) && await http.RequestServices.GetRequiredService<PlatformUsers>().FindAsync(http.User, http.RequestAborted) is null)
        {
            await http.SignOutAsync(IdentityConstants.ApplicationScheme);
            context.Response.Redirect("/login?returnUrl=" + Uri.EscapeDataString(http.Request.Path + http.Request.QueryString));
            return;
        }

        context.Response.StatusCode = StatusCodes.Status403Forbidden;
    }

    /// <summary>
    /// From a build folder the files lie in other folders that a list beside the program names; published, they lie in wwwroot.
    /// Programs that host the server for tests have neither and serve none.
    /// </summary>
    private static void MapStaticFiles(WebApplication app)
    {
        StaticWebAssetsLoader.UseStaticWebAssets(app.Environment, app.Configuration);
        if (File.Exists(Path.Combine(AppContext.BaseDirectory, $"{app.Environment.ApplicationName}.staticwebassets.endpoints.json")))
        {
            app.MapStaticAssets().AllowAnonymous();
        }
    }

    private static async Task<Results<RedirectHttpResult, BadRequest>> LogOutAsync(HttpContext http, SignInManager<User> signIn, Microsoft.AspNetCore.Antiforgery.IAntiforgery antiforgery)
    {
        if (!await antiforgery.IsRequestValidAsync(http))
        {
            return TypedResults.BadRequest();
        }

        await signIn.SignOutAsync();
        return TypedResults.Redirect("/login");
    }
}
