terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.57" }
  }
}

variable "set_name" {
  type    = string
  default = "main"
}

data "aws_caller_identity" "here" {}
data "aws_region" "here" {}
data "aws_partition" "here" {}

locals {
  # data.aws_region.here.name, deprecated from version 6 of the provider on, works in both; there it is .region
  scope   = "${data.aws_region.here.name}:${data.aws_caller_identity.here.account_id}"
  set_arn = "arn:${data.aws_partition.here.partition}:ses:${local.scope}:configuration-set/${var.set_name}"
  kinds = [
    "SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "OPEN", "CLICK", "RENDERING_FAILURE", "DELIVERY_DELAY",
    "SUBSCRIPTION",
  ]
}

resource "aws_sesv2_configuration_set" "main" {
  configuration_set_name = var.set_name
  suppression_options {
    suppressed_reasons = ["BOUNCE", "COMPLAINT"]
  }
}

variable "endpoint" {
  type        = string
  description = "Address of the webhook, such as https://events.example.com/ses"
}

resource "aws_sns_topic" "events" {
  name              = "ses-events"
  signature_version = 2
}

resource "aws_sns_topic_policy" "events" {
  arn = aws_sns_topic.events.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlySesOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = "ses.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.events.arn
      Condition = {
        StringEquals = {
          "AWS:SourceAccount" = data.aws_caller_identity.here.account_id
          "AWS:SourceArn"     = local.set_arn
        }
      }
    }]
  })
}

resource "aws_sesv2_configuration_set_event_destination" "sns" {
  configuration_set_name = aws_sesv2_configuration_set.main.configuration_set_name
  event_destination_name = "sns"
  depends_on             = [aws_sns_topic_policy.events]
  event_destination {
    enabled              = true
    matching_event_types = local.kinds
    sns_destination {
      topic_arn = aws_sns_topic.events.arn
    }
  }
}

resource "aws_sqs_queue" "refused" {
  name                      = "ses-events-refused"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "refused" {
  queue_url = aws_sqs_queue.refused.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyTheTopic"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.refused.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_sns_topic.events.arn } }
    }]
  })
}

resource "aws_sns_topic_subscription" "webhook" {
  topic_arn              = aws_sns_topic.events.arn
  protocol               = "https"
  endpoint               = var.endpoint
  endpoint_auto_confirms = true # the webhook does
  raw_message_delivery   = false
  redrive_policy         = jsonencode({ deadLetterTargetArn = aws_sqs_queue.refused.arn })
  delivery_policy = jsonencode({
    healthyRetryPolicy = {
      minDelayTarget     = 5
      maxDelayTarget     = 300
      numRetries         = 12
      numNoDelayRetries  = 0
      numMinDelayRetries = 2
      numMaxDelayRetries = 6
      backoffFunction    = "exponential"
    }
  })
  depends_on = [aws_sqs_queue_policy.refused]
}

output "topic_arn" {
  value = aws_sns_topic.events.arn
}
