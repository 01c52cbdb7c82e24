namespace Ekiben.Storage;
internal abstract class SendQueue;
