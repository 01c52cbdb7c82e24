using Ekiben.Accounts;
using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Web;

/// <summary>Whose request this is: the site that the key opens, and the key as an actor.</summary>
internal sealed record ApiCaller(Site Site, Actor Actor)
{
    public SiteId SiteId => Site.Id;
}
