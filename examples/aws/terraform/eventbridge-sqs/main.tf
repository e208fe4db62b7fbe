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

resource "aws_sesv2_configuration_set_event_destination" "eventbridge" {
  configuration_set_name = aws_sesv2_configuration_set.main.configuration_set_name
  event_destination_name = "eventbridge"
  event_destination {
    enabled              = true
    matching_event_types = local.kinds
    event_bridge_destination {
      event_bus_arn = "arn:${data.aws_partition.here.partition}:events:${local.scope}:event-bus/default"
    }
  }
}

resource "aws_cloudwatch_event_rule" "events" {
  name = "ses-events"
  event_pattern = jsonencode({
    source = ["aws.ses"]
    "detail-type" = [
      "Email Sent", "Email Rejected", "Email Bounced", "Email Complaint Received", "Email Delivered", "Email Opened",
      "Email Clicked", "Email Rendering Failed", "Email Delivery Delayed", "Email Subscribed",
    ]
  })
}

resource "aws_sqs_queue" "dead" {
  name                      = "ses-events-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue" "events" {
  name                       = "ses-events"
  message_retention_seconds  = 1209600
  receive_wait_time_seconds  = 20
  visibility_timeout_seconds = 180
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 10
  })
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyTheRule"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.events.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.events.arn } }
    }]
  })
}

resource "aws_sqs_queue_policy" "dead" {
  queue_url = aws_sqs_queue.dead.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyTheRule"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.dead.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.events.arn } }
    }]
  })
}

resource "aws_cloudwatch_event_target" "queue" {
  rule = aws_cloudwatch_event_rule.events.name
  arn  = aws_sqs_queue.events.arn
  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }
  dead_letter_config {
    arn = aws_sqs_queue.dead.arn
  }
}

output "queue_url" {
  value = aws_sqs_queue.events.id
}

output "queue_arn" {
  value = aws_sqs_queue.events.arn
}
